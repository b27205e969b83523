//! The one form in which the data set, the log and the subscribers are compared: which items, in which order, by thread.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// An item's id, role and whole content. Twenty subscribers keep one of every item, so it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// `parts` are pairs of a part's type and text.
    pub(super) fn of<'a>(
        id: &str,
        role: &str,
        parts: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut add = |field: &str| {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        };
        add(id);
        add(role);
        for (kind, text) in parts {
            add(kind);
            add(text);
        }
        let digest = hash.finalize();
        let (half, _) = digest.split_first_chunk().expect("a SHA-256 has 32 bytes");
        Self(*half)
    }

    /// Of an item with one text.
    pub(super) fn of_text(id: &str, role: &str, text: &str) -> Self {
        Self::of(id, role, [("text", text)])
    }
}

/// The items of threads, each thread by the number of its dialogue, in the order in which they came; and the same over all
/// threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    threads: BTreeMap<usize, Vec<Fingerprint>>,
    arrivals: Vec<Fingerprint>,
}

impl Seen {
    pub(super) fn add(&mut self, dialogue: usize, item: Fingerprint) {
        self.threads.entry(dialogue).or_default().push(item);
        self.arrivals.push(item);
    }

    /// How many items, in all threads.
    pub(super) fn items(&self) -> usize {
        self.arrivals.len()
    }

    /// All items, whatever their thread, as they came.
    pub(super) fn arrivals(&self) -> &[Fingerprint] {
        &self.arrivals
    }

    pub(super) fn thread(&self, dialogue: usize) -> &[Fingerprint] {
        self.threads.get(&dialogue).map_or(&[], Vec::as_slice)
    }

    pub(super) fn dialogues(&self) -> impl Iterator<Item = usize> {
        self.threads.keys().copied()
    }

    /// The same of these dialogues alone.
    pub(super) fn only(&self, dialogues: &[usize]) -> Self {
        let mut part = Self::default();
        for dialogue in dialogues {
            for item in self.thread(*dialogue) {
                part.add(*dialogue, *item);
            }
        }
        part
    }
}
