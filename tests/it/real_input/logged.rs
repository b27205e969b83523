//! The log, dumped offline.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::frames::{Part, fingerprint};
use super::ledger::Ledger;
use super::seen::Seen;

/// A line of `everlog log`, with a payload of any kind.
#[derive(Deserialize)]
struct Line {
    offset: u64,
    stream: String,
    kind: String,
    event: Value,
}

/// The payload of an `item.posted`.
#[derive(Deserialize)]
struct ItemPosted<'a> {
    item: &'a str,
    role: &'a str,
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

/// What a dump says.
#[derive(Debug, Default)]
pub(super) struct Logged {
    pub(super) items: Seen,
    pub(super) threads_created: usize,
    /// What is wrong with the log by itself, or against the ledger's offsets, as sentences.
    pub(super) faults: Vec<String>,
}

/// Reads a dump. `numbers` are the dialogues' by their ids.
pub(super) fn read(dump: &str, numbers: &HashMap<String, usize>, ledger: &Ledger) -> Logged {
    let mut logged = Logged::default();
    let mut due = 1;
    for text in dump.lines() {
        let line: Line =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
        if line.offset != due {
            let fault = format!("offset {} where {due} should be", line.offset);
            logged.faults.push(fault);
        }
        due = line.offset + 1;
        if let Some(thread) = line.stream.strip_prefix("thread/") {
            match numbers.get(thread) {
                Some(dialogue) => logged.take(*dialogue, &line, ledger),
                None => logged
                    .faults
                    .push(format!("nobody made the thread {thread}")),
            }
        }
    }
    logged
}

impl Logged {
    fn take(&mut self, dialogue: usize, line: &Line, ledger: &Ledger) {
        match line.kind.as_str() {
            "thread.created" => self.threads_created += 1,
            "item.posted" => {
                let posted = ItemPosted::deserialize(&line.event)
                    .unwrap_or_else(|error| panic!("{error} in {}", line.event));
                self.check_place(dialogue, line, ledger);
                let item = fingerprint(posted.item, posted.role, &posted.parts);
                self.items.add(dialogue, item);
            }
            kind => {
                let fault = format!("nobody asked for {kind} at {}", line.offset);
                self.faults.push(fault);
            }
        }
    }

    /// An item stands where its acknowledgement said.
    fn check_place(&mut self, dialogue: usize, line: &Line, ledger: &Ledger) {
        let item = self.items.thread(dialogue).len();
        if let Some(acknowledged) = ledger.offset(dialogue, item)
            && acknowledged != line.offset
        {
            self.faults.push(format!(
                "item {item} of {} was acknowledged at {acknowledged} and stands at {}",
                line.stream, line.offset
            ));
        }
    }
}
