use std::path::Path;

use everlog_domain::ids::CommitNumber;
use fjall::compaction::Leveled;
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    Readable, Snapshot,
};

use crate::record::RecordError;

/// The keyspace of records and fragments.
pub(crate) const EVENTS: &str = "events";
/// The keyspace of contents pages.
pub(crate) const MANIFESTS: &str = "manifests";

/// Journals beyond this are sealed and their keyspaces flushed: opening replays them, so this
/// bounds the time that opening takes. fjall's least.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Opening fills a memtable again from the journals, so the larger, the slower.
const EVENTS_MEMTABLE_BYTES: u64 = 16 << 20;
/// Pages are small beside events. A memtable that is hardly ever flushed would pin old journals.
const MANIFESTS_MEMTABLE_BYTES: u64 = 2 << 20;
/// With more, fjall's first worker leaves compactions to the others: while they are busy it takes
/// the message from the queue and puts it back, without a pause, and eats a processor.
const WORKERS: usize = 1;
const BLOCK_BYTES: u32 = 16 * 1024;
const CACHE_BYTES: u64 = 64 << 20;

/// The database of the log.
pub(crate) struct LogEngine {
    database: Database,
    pub(crate) events: Keyspace,
    pub(crate) manifests: Keyspace,
}

impl LogEngine {
    /// Opens the database, or makes it. The caller has looked at the folder before.
    pub(crate) fn open(folder: &Path) -> fjall::Result<Self> {
        let database = Database::builder(folder)
            .max_journaling_size(JOURNAL_BYTES)
            .cache_size(CACHE_BYTES)
            .worker_threads(WORKERS)
            // no value reaches the length from which fjall compresses in the journal
            .journal_compression(CompressionType::None)
            .open()?;
        let events = database.keyspace(EVENTS, || keyspace(EVENTS_MEMTABLE_BYTES))?;
        let manifests = database.keyspace(MANIFESTS, || keyspace(MANIFESTS_MEMTABLE_BYTES))?;
        Ok(Self {
            database,
            events,
            manifests,
        })
    }

    /// A batch whose commit returns after the sync. fjall's own default does not sync, and shows
    /// a batch to readers only afterwards.
    pub(crate) fn batch(&self, capacity: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.database.clone(), capacity)
            .durability(Some(PersistMode::SyncData))
    }

    /// A batch that survives a crash of this process at most; [`LogEngine::sync`] ends a series.
    pub(crate) fn unsynced_batch(&self) -> OwnedWriteBatch {
        self.database.batch()
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }

    /// Everything as of now: whole batches.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }

    /// The newest contents page's number, 0 if there is none.
    pub(crate) fn newest(&self) -> Result<CommitNumber, EngineFailure> {
        match self.snapshot().last_key_value(&self.manifests) {
            None => Ok(CommitNumber(0)),
            Some(newest) => commit_number(&newest.key()?).map_err(EngineFailure::Record),
        }
    }
}

/// What reading the engine can meet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineFailure {
    #[error(transparent)]
    Engine(#[from] fjall::Error),
    #[error(transparent)]
    Record(RecordError),
}

/// The number in a key of the keyspace `manifests`.
pub(crate) fn commit_number(key: &[u8]) -> Result<CommitNumber, RecordError> {
    match key.try_into() {
        Ok(bytes) => Ok(CommitNumber(u64::from_be_bytes(bytes))),
        Err(_) => Err(RecordError::Field {
            field: "commit number",
            found: hex::encode(key),
        }),
    }
}

fn keyspace(memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(memtable_bytes)
        .data_block_size_policy(BlockSizePolicy::all(BLOCK_BYTES))
        // most of a record is ciphertext and hashes, which do not shrink
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
        .filter_policy(FilterPolicy::disabled())
        .compaction_strategy(std::sync::Arc::new(Leveled::default()))
}
