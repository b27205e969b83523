//! Where the batches of each project lie in the segments. It is derived from them, written behind
//! the log by a thread of its own, never waited for by a sync, and made again where it is damaged.
//!
//! What is not written yet is held in memory, up to a bound, so a reader finds everything.

mod recent;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use parking_lot::{Condvar, Mutex};

use self::recent::{Recent, RecentBatch};
use self::store::IndexStore;
use super::segment::Location;
use crate::derived::{DerivedFailure, remove_derived};

pub(crate) use self::recent::Part;
pub(crate) use self::store::peek_reached;

/// Places that are written at once.
const TOGETHER: usize = 1_024;
/// Batches that are written at once.
const BATCHES_TOGETHER: usize = 256;
/// Places in memory at which appends wait for the thread that writes them.
const MOST_RECENT: usize = 64 * TOGETHER;

/// See the module's description.
pub(crate) struct Index {
    shared: Arc<Shared>,
    writing: Option<JoinHandle<()>>,
}

struct Shared {
    store: IndexStore,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    recent: Recent,
    closing: bool,
    /// Why nothing is written any more.
    failed: Option<String>,
}

/// The index's database failed; the log cannot go on without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the index of the log: {0}")]
pub(crate) struct IndexFailure(String);

impl Index {
    /// Opens the index in a folder. Where it does not read it begins anew.
    pub(crate) fn open(folder: &Path) -> Result<Self, IndexFailure> {
        match IndexStore::open(folder) {
            Err(DerivedFailure::Damaged { reason }) => {
                tracing::warn!(reason, "the index of the log is made anew");
                Self::anew(folder)
            }
            opened => Self::with(opened?),
        }
    }

    /// Throws the index in a folder away and begins another one.
    pub(crate) fn anew(folder: &Path) -> Result<Self, IndexFailure> {
        remove_derived(folder)?;
        Self::with(IndexStore::open(folder)?)
    }

    fn with(store: IndexStore) -> Result<Self, IndexFailure> {
        let shared = Arc::new(Shared {
            store,
            state: Mutex::new(State {
                recent: Recent::default(),
                closing: false,
                failed: None,
            }),
            changed: Condvar::new(),
        });
        let written_by = Arc::clone(&shared);
        let writing = thread::Builder::new()
            .name("log-index".to_owned())
            .spawn(move || written_by.write_until_closed())
            .map_err(|error| IndexFailure(error.to_string()))?;
        Ok(Self {
            shared,
            writing: Some(writing),
        })
    }

    /// Where the first batch lies that the database does not know; nothing where it knows none.
    pub(crate) fn reached(&self) -> Result<Option<Location>, IndexFailure> {
        Ok(self.shared.store.reached()?)
    }

    /// Waits until there is room for another batch.
    pub(crate) fn make_room(&self) -> Result<(), IndexFailure> {
        let mut state = self.shared.state.lock();
        loop {
            if let Some(reason) = &state.failed {
                return Err(IndexFailure(reason.clone()));
            }
            if state.recent.places() < MOST_RECENT {
                return Ok(());
            }
            self.shared.changed.wait(&mut state);
        }
    }

    /// Enters a durable batch; `next` is where the one after it will lie, or its segment's seal.
    pub(crate) fn enter(&self, at: Location, next: Location, parts: Vec<Part>) {
        let mut state = self.shared.state.lock();
        state.recent.push(RecentBatch { at, next, parts });
        if state.recent.is_enough() {
            self.shared.changed.notify_all();
        }
    }

    /// The newest batch that begins at or before an offset of a project.
    pub(crate) fn batch_with(
        &self,
        project: ProjectNumber,
        offset: Offset,
    ) -> Result<Option<Location>, IndexFailure> {
        // What is in memory is newer than what is in the database, and leaves only for it.
        let recent = self.shared.state.lock().recent.floor(project, offset);
        match recent {
            Some(at) => Ok(Some(at)),
            None => Ok(self.shared.store.floor(project, offset)?),
        }
    }

    /// The first batch that begins after an offset of a project.
    pub(crate) fn batch_after(
        &self,
        project: ProjectNumber,
        offset: Offset,
    ) -> Result<Option<Location>, IndexFailure> {
        // In this order: what leaves memory meanwhile has been seen there.
        let recent = self.shared.state.lock().recent.after(project, offset);
        let stored = self.shared.store.after(project, offset)?;
        Ok(stored.or(recent))
    }

    /// Bytes of a project's events in all batches.
    pub(crate) fn bytes_of(&self, project: ProjectNumber) -> Result<u64, IndexFailure> {
        // Under the lock: what is written meanwhile leaves memory only with it.
        let state = self.shared.state.lock();
        let stored = self.shared.store.bytes_of(project)?;
        // What is being written may be in both, until it is forgotten: then it counts once.
        let recent = state.recent.bytes_of(project, stored.until);
        Ok(stored.bytes + recent)
    }

    /// A batch at or before a commit, not far from it.
    pub(crate) fn near(&self, commit: CommitNumber) -> Result<Option<Location>, IndexFailure> {
        let recent = self.shared.state.lock().recent.batch(commit);
        match recent {
            Some(at) => Ok(Some(at)),
            None => Ok(self.shared.store.near(commit)?),
        }
    }
}

impl Drop for Index {
    /// Writes what is in memory, so that the next start has little to read.
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.changed.notify_all();
        if let Some(writing) = self.writing.take()
            && writing.join().is_err()
        {
            tracing::error!("the thread that writes the index of the log panicked");
        }
    }
}

impl Shared {
    fn write_until_closed(&self) {
        while let Some(count) = self.wait_for_batches() {
            let batches = self.state.lock().recent.oldest(count);
            let written = self.store.write(&batches);
            let mut state = self.state.lock();
            match written {
                Ok(()) => state.recent.forget_oldest(count),
                Err(error) => {
                    tracing::error!(%error, "the index of the log cannot be written");
                    state.failed = Some(error.to_string());
                }
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// How many batches are to be written; nothing once there is nothing more to do.
    fn wait_for_batches(&self) -> Option<usize> {
        let mut state = self.state.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            let count = state.recent.batches().min(BATCHES_TOGETHER);
            if state.recent.is_enough() || (state.closing && count > 0) {
                return Some(count);
            }
            if state.closing {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }
}

impl From<fjall::Error> for IndexFailure {
    fn from(error: fjall::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<DerivedFailure> for IndexFailure {
    fn from(failure: DerivedFailure) -> Self {
        Self(failure.to_string())
    }
}
