//! What the server acknowledged, kept outside of its process.

use std::collections::HashSet;

use super::dialogues::Dialogue;
use super::seen::{Fingerprint, Seen};

#[derive(Clone, Debug)]
pub(super) struct Acknowledgement {
    /// The id that the server gave the entity.
    pub(super) id: String,
    /// Its place in the project's log, where the answer said it: results of calls do not.
    pub(super) offset: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Thread {
    made: bool,
    items: Vec<Acknowledgement>,
}

#[derive(Clone, Debug)]
pub(super) struct Ledger {
    threads: Vec<Thread>,
}

impl Ledger {
    /// For so many dialogues.
    pub(super) fn new(dialogues: usize) -> Self {
        Self {
            threads: vec![Thread::default(); dialogues],
        }
    }

    pub(super) fn thread_made(&mut self, dialogue: usize) {
        self.threads[dialogue].made = true;
    }

    /// The next turn of the dialogue was acknowledged.
    pub(super) fn item_posted(&mut self, dialogue: usize, acknowledgement: Acknowledgement) {
        self.threads[dialogue].items.push(acknowledgement);
    }

    /// Which items the log must have: the data set's turns under the ids that were acknowledged.
    pub(super) fn expected(&self, dialogues: &[Dialogue]) -> Seen {
        let mut seen = Seen::default();
        for (number, (dialogue, thread)) in dialogues.iter().zip(&self.threads).enumerate() {
            for (turn, item) in dialogue.turns.iter().zip(&thread.items) {
                let fingerprint = Fingerprint::of_text(&item.id, &turn.role, &turn.text);
                seen.add(number, fingerprint);
            }
        }
        seen
    }

    /// What disagrees with the data set, as sentences: every turn acknowledged once, under an id of its own.
    pub(super) fn faults(&self, dialogues: &[Dialogue]) -> Vec<String> {
        let mut faults = Vec::new();
        for (dialogue, thread) in dialogues.iter().zip(&self.threads) {
            let Dialogue { id, turns } = dialogue;
            if !thread.made || thread.items.len() != turns.len() {
                let (items, turns) = (thread.items.len(), turns.len());
                faults.push(format!("{id}: {items} of {turns} turns acknowledged"));
            }
            let ids: HashSet<&str> = thread.items.iter().map(|item| item.id.as_str()).collect();
            if ids.len() != thread.items.len() {
                faults.push(format!("{id}: two turns were acknowledged under one id"));
            }
        }
        faults
    }

    /// The offset that was acknowledged for an item, if any was.
    pub(super) fn offset(&self, dialogue: usize, item: usize) -> Option<u64> {
        self.threads[dialogue].items.get(item)?.offset
    }
}
