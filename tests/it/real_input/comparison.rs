//! What must be there against what is: by thread, item by item, in order; and the order over all threads.

use std::collections::HashMap;
use std::fmt;

use super::seen::{Fingerprint, Seen};

/// What must not be. Items are named by their place in the thread, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Lost {
        dialogue: usize,
        item: usize,
    },
    Twice {
        dialogue: usize,
        item: usize,
    },
    /// Altered, made up, or in another thread than its own.
    Unknown {
        dialogue: usize,
        item: usize,
    },
    OutOfOrder {
        dialogue: usize,
    },
}

impl Fault {
    /// The number of the dialogue whose thread it is in.
    pub(super) fn dialogue(self) -> usize {
        match self {
            Self::Lost { dialogue, .. }
            | Self::Twice { dialogue, .. }
            | Self::Unknown { dialogue, .. }
            | Self::OutOfOrder { dialogue } => dialogue,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Every difference, thread by thread.
pub(super) fn compare(expected: &Seen, found: &Seen) -> Vec<Fault> {
    let strangers = found
        .dialogues()
        .filter(|dialogue| expected.thread(*dialogue).is_empty());
    let mut dialogues: Vec<usize> = expected.dialogues().chain(strangers).collect();
    dialogues.sort_unstable();
    let thread =
        |dialogue| compare_thread(dialogue, expected.thread(dialogue), found.thread(dialogue));
    dialogues.into_iter().flat_map(thread).collect()
}

fn compare_thread(dialogue: usize, expected: &[Fingerprint], found: &[Fingerprint]) -> Vec<Fault> {
    if expected == found {
        return Vec::new();
    }
    let mut times: HashMap<Fingerprint, usize> = expected.iter().map(|item| (*item, 0)).collect();
    let mut faults = Vec::new();
    for (item, fingerprint) in found.iter().enumerate() {
        match times.get_mut(fingerprint) {
            None => faults.push(Fault::Unknown { dialogue, item }),
            Some(times) => *times += 1,
        }
    }
    for (item, fingerprint) in expected.iter().enumerate() {
        match times[fingerprint] {
            0 => faults.push(Fault::Lost { dialogue, item }),
            1 => {}
            _ => faults.push(Fault::Twice { dialogue, item }),
        }
    }
    if faults.is_empty() {
        faults.push(Fault::OutOfOrder { dialogue });
    }
    faults
}

/// The first place, from 0, at which a follower of the whole project and the log differ.
pub(super) fn first_out_of_order(logged: &Seen, found: &Seen) -> Option<usize> {
    let (logged, found) = (logged.arrivals(), found.arrivals());
    let same = logged
        .iter()
        .zip(found)
        .take_while(|(one, other)| one == other);
    let same = same.count();
    (same < logged.len().max(found.len())).then_some(same)
}
