//! How often what happened: a simulation that tries nothing finds nothing.

use std::collections::BTreeMap;

use super::ledger::{Ledger, happening};

/// What must have happened at least once in a run of many seeds.
const WANTED: [&str; 20] = [
    happening::STOP,
    happening::CRASH,
    happening::CRASH_BETWEEN,
    happening::ROWS,
    happening::ROWS_BEHIND,
    happening::LOG,
    happening::LOG_AHEAD,
    happening::FULL,
    happening::FULL_AHEAD,
    "unanswered",
    "granted",
    "repeated",
    "nothing to do",
    "AccessMoved",
    "DiskFull",
    "Failed",
    "Stopped",
    "Thread",
    "Unknown",
    "WishDiffers",
];

/// Counts by name.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let mut tally = Self::default();
        for (what, times) in &ledger.happened {
            tally.0.insert((*what).to_owned(), *times);
        }
        for ask in &ledger.asks {
            match ask.answer.as_ref().map(|answer| &answer.result) {
                None => tally.count("unanswered"),
                Some(Ok(granted)) if granted.repeated => tally.count("repeated"),
                Some(Ok(granted)) if granted.events.is_empty() => tally.count("nothing to do"),
                Some(Ok(_)) => tally.count("granted"),
                Some(Err(refused)) => tally.count(first_word(&format!("{refused:?}"))),
            }
        }
        tally
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }

    /// What should have happened and did not.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let mut wanted = WANTED.to_vec();
        wanted.retain(|what| !self.0.contains_key(*what));
        wanted
    }

    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }
}

/// The name of a variant, from its debug form.
fn first_word(text: &str) -> &str {
    text.split([' ', '(', '{']).next().unwrap_or_default()
}
