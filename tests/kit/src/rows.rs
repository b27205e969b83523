//! The row port in memory: simple enough to be seen right, and the measure of the real engine.
//!
//! Lists look at every row, filter, sort and cut. Only the state is not naive: its maps are
//! persistent, so that a view, and the copy that a batch works on, cost nothing to make.

mod change;
mod list;
mod view;

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};

use everlog_domain::envelope::Stream;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, Position, ProjectNumber, Scope};
use everlog_domain::log::{Manifest, ProjectHead};
use everlog_domain::ports::{Projected, Rows, RowsFailure, RowsView, StreamEntry};
use everlog_domain::tables::{Row, TableNumber, TableSchema, system};
use everlog_domain::value::Value;
use parking_lot::RwLock;
use rpds::RedBlackTreeMapSync;

/// Rows in memory. See the module's description.
#[derive(Default)]
pub struct MemoryRows {
    state: RwLock<State>,
    fails_next: AtomicBool,
}

/// A primary key, in the order of its values.
#[derive(Debug, Clone)]
struct Key(Vec<Value>);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let unequal = pairs.map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        unequal.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

type RowKey = (ProjectNumber, TableNumber, Key);
/// An index's number, the values of its columns, and the row's primary key.
type IndexKey = (ProjectNumber, TableNumber, u16, Key, Key);
type EntryKey = (ProjectNumber, Stream, Offset, Position);
type ScopeKey = (ProjectNumber, i64, Scope);

/// Everything that the projection holds.
#[derive(Clone, Default)]
struct State {
    commit: CommitNumber,
    rows: RedBlackTreeMapSync<RowKey, Row>,
    indexes: RedBlackTreeMapSync<IndexKey, ()>,
    streams: RedBlackTreeMapSync<EntryKey, StreamEntry>,
    heads: RedBlackTreeMapSync<ProjectNumber, ProjectHead>,
    /// By project, day and scope: the first event, and the hash of the body.
    scopes: RedBlackTreeMapSync<ScopeKey, (Offset, Hash)>,
}

impl MemoryRows {
    /// An empty projection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a crash at this moment leaves, if everything was on the disk.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self {
            state: RwLock::new(self.state.read().clone()),
            fails_next: AtomicBool::new(false),
        }
    }

    /// The next batch fails and changes nothing.
    pub fn fail_next(&self) {
        self.fails_next.store(true, Memory::SeqCst);
    }
}

impl Rows for MemoryRows {
    fn project(
        &self,
        manifest: &Manifest,
        events: &[Arc<Recorded>],
    ) -> Result<Vec<Projected>, RowsFailure> {
        if self.fails_next.swap(false, Memory::SeqCst) {
            return Err(engine("the test asked for a failure"));
        }
        let mut state = self.state.write();
        let mut next = state.clone();
        let projected = next.project(manifest, events)?;
        *state = next;
        Ok(projected)
    }

    fn reached(&self) -> CommitNumber {
        self.state.read().commit
    }

    fn view(&self) -> Box<dyn RowsView> {
        Box::new(self.state.read().clone())
    }
}

fn engine(reason: impl Into<String>) -> RowsFailure {
    let reason = reason.into();
    RowsFailure::Engine { reason }
}

fn schema(table: TableNumber) -> Result<&'static TableSchema, RowsFailure> {
    system::table(table).ok_or_else(|| engine(format!("there is no table {}", table.0)))
}
