//! What a scan of the journals finds: per file, and per whole batch.

use std::ops::Range;
use std::path::PathBuf;

use super::entry::Flaw;

/// What the journals of a database folder hold, oldest first.
#[derive(Debug)]
pub struct JournalScan {
    /// Every journal; the last is the active one.
    pub journals: Vec<JournalFile>,
}

/// One journal file.
#[derive(Debug)]
pub struct JournalFile {
    /// The number in its name.
    pub id: u64,
    /// The file.
    pub path: PathBuf,
    /// Bytes of the file, zeros that fjall reserved included.
    pub len: u64,
    /// Whole batches from the file's beginning, without a break.
    pub batches: u64,
    /// The sequence number of the last of them.
    pub last_seqno: Option<u64>,
    /// The byte where the last of them ends; 0 where there is none.
    pub whole_until: u64,
    /// What follows there.
    pub tail: Tail,
}

/// What follows the last whole batch of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The end of the file, or zeros up to it. Batches lost so that nothing but zeros, or
    /// nothing, is left of them look like this too; numbers without gaps and the witnesses tell.
    Clean,
    /// Rubble with no whole batch beyond it, at the end of the active journal: a batch that was
    /// being written, or bytes that a power loss left of it. Nothing says that anybody was told of
    /// it; the witnesses may.
    Torn {
        /// Where the torn batch should start: the end of the last whole one.
        at: u64,
        /// Bytes from there to the last one that is not zero.
        bytes: u64,
        /// What was wrong.
        flaw: Flaw,
    },
    /// Unreadable bytes and proof that later ones were written. Where every batch is synced before
    /// the next one begins, acknowledged history is lost. A database that is written without
    /// syncing (`PersistMode::Buffer`) can look like this after a power loss, and must be rebuilt.
    Damaged(Damage),
}

/// Damage in the middle of the journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where the lost batch should start: the end of the last whole one before.
    pub at: u64,
    /// What was wrong.
    pub flaw: Flaw,
    /// What shows that this is no torn tail.
    pub evidence: Evidence,
}

/// What shows that a batch is damaged rather than torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The next whole batch of the same file.
    WholeBatch {
        /// Where it starts.
        at: u64,
        /// Its sequence number.
        seqno: u64,
    },
    /// The journal is sealed: it was synced before the next one was made.
    LaterJournal {
        /// The number of the next one.
        id: u64,
    },
    /// None found, but the search gave up: too many bytes look like starts of batches.
    Unsearched,
}

/// Whether a whole batch stands in an unbroken line from the first journal on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// fjall replays it.
    InSequence,
    /// Something before it is damaged; what it holds tells how much.
    AfterDamage,
}

/// A batch that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeBatch {
    /// The number of its journal.
    pub journal: u64,
    /// The bytes that it takes in the file.
    pub range: Range<u64>,
    /// The sequence number that fjall gave it; it rises from batch to batch.
    pub seqno: u64,
    /// How many items it has, keyspaces cleared included.
    pub items: u32,
    /// Whether all before it is whole.
    pub standing: Standing,
}

impl JournalScan {
    /// The first damage, with its file.
    #[must_use]
    pub fn damage(&self) -> Option<(&JournalFile, Damage)> {
        self.journals.iter().find_map(|journal| match journal.tail {
            Tail::Damaged(damage) => Some((journal, damage)),
            Tail::Clean | Tail::Torn { .. } => None,
        })
    }

    /// The active journal, where its tail is torn; [`truncate_torn`](super::truncate_torn) mends
    /// it at [`JournalFile::whole_until`].
    #[must_use]
    pub fn torn(&self) -> Option<&JournalFile> {
        self.journals
            .last()
            .filter(|active| matches!(active.tail, Tail::Torn { .. }))
    }
}
