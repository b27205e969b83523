//! The fjall database of the projection, read and written as plain bytes.

use std::collections::HashMap;
use std::ops::Bound;
use std::path::Path;

use everlog_domain::ports::RowsFailure;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot};

use super::layout;
use super::range::KeyRange;
use crate::derived::is_of_the_world;

/// Larger ones than the 16 MiB of a small keyspace, since this one holds everything: at full load
/// it fills several times a second, and fjall halts writers when four wait to be flushed.
const MEMTABLE_BYTES: u64 = 32 << 20;
/// The smallest that fjall takes. What lies in the journal is read again at every start.
const JOURNAL_BYTES: u64 = 64 << 20;
/// With more, fjall's first worker spins while the others compact.
const WORKERS: usize = 1;
const CACHE_BYTES: u64 = 64 << 20;
/// lsm-tree asserts that a key's length fits a `u16`.
const LONGEST_KEY: usize = u16::MAX as usize;
const KEYSPACE: &str = "rows";

/// The database. A clone is a handle.
#[derive(Clone)]
pub(super) struct Store {
    database: Database,
    keyspace: Keyspace,
}

/// The database as it stood.
pub(super) struct Reader {
    snapshot: Snapshot,
    keyspace: Keyspace,
}

/// What a batch writes, the last word on each key: `None` removes it.
#[derive(Default)]
pub(super) struct Writes {
    changes: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Store {
    pub(super) fn open(folder: &Path) -> fjall::Result<Self> {
        let database = Database::builder(folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .worker_threads(WORKERS)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let keyspace = database.keyspace(KEYSPACE, options)?;
        Ok(Self { database, keyspace })
    }

    pub(super) fn reader(&self) -> Reader {
        Reader {
            snapshot: self.database.snapshot(),
            keyspace: self.keyspace.clone(),
        }
    }

    /// Writes atomically. The operating system has it afterwards, the disk perhaps not.
    pub(super) fn write(&self, writes: Writes) -> Result<(), RowsFailure> {
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for (key, value) in writes.changes {
            if key.len() > LONGEST_KEY {
                return Err(damaged(&key, "the key is longer than 65,535 bytes"));
            }
            match value {
                Some(value) => batch.insert(&self.keyspace, key, value),
                None => batch.remove(&self.keyspace, key),
            }
        }
        batch.commit().map_err(|error| engine(&error))
    }

    /// Waits until the disk has everything written so far.
    pub(super) fn sync(&self) -> Result<(), RowsFailure> {
        let synced = self.database.persist(PersistMode::SyncData);
        synced.map_err(|error| engine(&error))
    }
}

impl Reader {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Slice>, RowsFailure> {
        let value = self.snapshot.get(&self.keyspace, key);
        value.map_err(|error| unreadable(key, &error))
    }

    pub(super) fn range(&self, range: &KeyRange) -> Entries {
        if range.is_empty() {
            return Entries { inner: None };
        }
        let start = Bound::Included(range.start.as_slice());
        let end = range
            .end
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let inner = self
            .snapshot
            .range::<&[u8], _>(&self.keyspace, (start, end));
        Entries { inner: Some(inner) }
    }
}

/// Keys with their values, from both ends.
pub(super) struct Entries {
    inner: Option<fjall::Iter>,
}

type Entry = Result<(Slice, Slice), RowsFailure>;

fn entry(guard: fjall::Guard) -> Entry {
    guard.into_inner().map_err(|error| unreadable(&[], &error))
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.inner.as_mut()?.next().map(entry)
    }
}

impl DoubleEndedIterator for Entries {
    fn next_back(&mut self) -> Option<Entry> {
        self.inner.as_mut()?.next_back().map(entry)
    }
}

impl Writes {
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }
}

pub(super) fn engine(reason: &dyn std::fmt::Display) -> RowsFailure {
    RowsFailure::Engine {
        reason: reason.to_string(),
    }
}

/// What does not read is damage, unless it is the disk that fails: making rows anew helps against
/// the one and not against the other.
fn unreadable(key: &[u8], error: &fjall::Error) -> RowsFailure {
    if is_of_the_world(error) {
        return engine(error);
    }
    damaged(key, &error.to_string())
}

/// Damage at a key of the database.
pub(super) fn damaged(key: &[u8], reason: &str) -> RowsFailure {
    RowsFailure::Damaged {
        table: layout::table_of(key).map_or(0, |table| table.0),
        key: hex::encode(key),
        reason: reason.to_owned(),
    }
}
