//! The fjall database of the projection, read and written as plain bytes.

use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use everlog_domain::ports::RowsFailure;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Slice, Snapshot};

use super::damage::Damage;
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
    folder: PathBuf,
    /// Whether something was written since the journal was written out.
    is_dirty: Arc<AtomicBool>,
    damage: Damage,
}

/// The database as it stood.
pub(super) struct Reader {
    snapshot: Snapshot,
    keyspace: Keyspace,
    damage: Damage,
}

/// What a batch writes, of which the last word on each key counts: `None` removes it.
#[derive(Default)]
pub(super) struct Writes {
    changes: Vec<(Slice, Option<Slice>)>,
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
        Ok(Self {
            database,
            keyspace,
            folder: folder.to_owned(),
            is_dirty: Arc::default(),
            damage: Damage::none_in(folder),
        })
    }

    pub(super) fn reader(&self) -> Reader {
        Reader {
            snapshot: self.database.snapshot(),
            keyspace: self.keyspace.clone(),
            damage: self.damage.clone(),
        }
    }

    /// Writes atomically. The operating system has it afterwards, the disk perhaps not. Rows of
    /// which some did not read take nothing more.
    pub(super) fn write(&self, writes: Writes) -> Result<(), RowsFailure> {
        self.damage.refuse()?;
        let mut batch = self.database.batch().durability(Some(PersistMode::Buffer));
        for (key, value) in writes.last_words() {
            if key.len() > LONGEST_KEY {
                return Err(damaged(&key, "the key is longer than 65,535 bytes"));
            }
            match value {
                Some(value) => batch.insert(&self.keyspace, key, value),
                None => batch.remove(&self.keyspace, key),
            }
        }
        let committed = batch.commit().map_err(|error| engine(&error));
        self.is_dirty.store(true, Ordering::Release);
        committed
    }

    /// Has the disk take what was written so far, as well as it can. Nobody waits for it: fjall
    /// syncs its journal under the lock of whoever writes, also with each memtable that it
    /// flushes, and what is on the disk by then is no reason to halt a batch.
    pub(super) fn write_out(&self) -> io::Result<()> {
        if !self.is_dirty.swap(false, Ordering::Acquire) {
            return Ok(());
        }
        let Some(journal) = newest_journal(&self.folder)? else {
            return Ok(());
        };
        match File::open(journal) {
            Ok(journal) => journal.sync_data(),
            // Its events are in tables by now, and it is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Waits until the disk has everything written so far.
    pub(super) fn sync(&self) -> Result<(), RowsFailure> {
        let synced = self.database.persist(PersistMode::SyncData);
        synced.map_err(|error| engine(&error))
    }
}

#[cfg(test)]
impl Store {
    /// Waits until what was written is in tables.
    pub(super) fn flush(&self) {
        self.keyspace.rotate_memtable_and_wait().unwrap();
    }
}

impl Reader {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Slice>, RowsFailure> {
        let value = self.snapshot.get(&self.keyspace, key);
        value.map_err(|error| unreadable(&self.damage, key, &error))
    }

    pub(super) fn range(&self, range: &KeyRange) -> Entries {
        let damage = self.damage.clone();
        if range.is_empty() {
            let inner = None;
            return Entries { inner, damage };
        }
        let start = Bound::Included(range.start.as_slice());
        let end = range
            .end
            .as_deref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let inner = self
            .snapshot
            .range::<&[u8], _>(&self.keyspace, (start, end));
        Entries {
            inner: Some(inner),
            damage,
        }
    }
}

/// Keys with their values, from both ends.
pub(super) struct Entries {
    inner: Option<fjall::Iter>,
    damage: Damage,
}

type Entry = Result<(Slice, Slice), RowsFailure>;

impl Entries {
    fn entry(&self, guard: fjall::Guard) -> Entry {
        let entry = guard.into_inner();
        entry.map_err(|error| unreadable(&self.damage, &[], &error))
    }
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let next = self.inner.as_mut()?.next()?;
        Some(self.entry(next))
    }
}

impl DoubleEndedIterator for Entries {
    fn next_back(&mut self) -> Option<Entry> {
        let next = self.inner.as_mut()?.next_back()?;
        Some(self.entry(next))
    }
}

impl Writes {
    pub(super) fn put(&mut self, key: impl Into<Slice>, value: impl Into<Slice>) {
        self.changes.push((key.into(), Some(value.into())));
    }

    pub(super) fn remove(&mut self, key: impl Into<Slice>) {
        self.changes.push((key.into(), None));
    }

    /// In the order of keys: neighbours take the same way through the memtable, which is then in
    /// the processor's cache.
    fn last_words(mut self) -> impl Iterator<Item = (Slice, Option<Slice>)> {
        // Stable, so of one key's changes the last one stays last.
        self.changes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut changes = self.changes.into_iter().peekable();
        std::iter::from_fn(move || {
            let (key, mut value) = changes.next()?;
            while let Some((_, later)) = changes.next_if(|(next, _)| *next == key) {
                value = later;
            }
            Some((key, value))
        })
    }
}

/// fjall numbers its journals, and writes to the newest.
fn newest_journal(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem.and_then(|stem| stem.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| is_journal) {
            newest = newest.max(Some((number, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

pub(super) fn engine(reason: &dyn std::fmt::Display) -> RowsFailure {
    RowsFailure::Engine {
        reason: reason.to_string(),
    }
}

/// What does not read is damage, unless it is the disk that fails: making rows anew helps against
/// the one and not against the other.
fn unreadable(damage: &Damage, key: &[u8], error: &fjall::Error) -> RowsFailure {
    if is_of_the_world(error) {
        return engine(error);
    }
    damage.found(damaged(key, &error.to_string()))
}

/// Damage at a key of the database.
pub(super) fn damaged(key: &[u8], reason: &str) -> RowsFailure {
    RowsFailure::Damaged {
        table: layout::table_of(key).map_or(0, |table| table.0),
        key: hex::encode(key),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_key_counts() {
        let mut writes = Writes::default();
        writes.put(*b"b", *b"1");
        writes.put(*b"a", *b"1");
        writes.remove(*b"b");
        writes.put(*b"c", *b"1");
        writes.put(*b"c", *b"2");
        writes.remove(*b"a");
        writes.put(*b"a", *b"3");
        let words: Vec<_> = writes.last_words().collect();
        let expected: [(&[u8], Option<&[u8]>); 3] =
            [(b"a", Some(b"3")), (b"b", None), (b"c", Some(b"2"))];
        let found: Vec<_> = words
            .iter()
            .map(|(key, value)| (key.as_ref(), value.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_journal_that_is_written_to_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let found = newest_journal(folder.path()).unwrap().unwrap();
        let names = |name: &str| folder.path().join(name);
        let before = fs::read(&found).unwrap();
        let mut writes = Writes::default();
        writes.put(*b"key", *b"value");
        store.write(writes).unwrap();
        assert_ne!(fs::read(&found).unwrap(), before, "{}", found.display());
        store.write_out().unwrap();
        for name in ["9.jnl", "10.jnl", "11.sst", "x.jnl"] {
            fs::write(names(name), []).unwrap();
        }
        assert_eq!(
            newest_journal(folder.path()).unwrap(),
            Some(names("10.jnl"))
        );
    }
}
