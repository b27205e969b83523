//! The newest changes of who may read the threads of a topic.
//!
//! They are told before the change is answered, and so before its event is in any ring: who got
//! the answer knows that from then on nothing goes out to whom it took the right from.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use compact_str::CompactString;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Projected, RowDelta};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::threads;
use parking_lot::Mutex;

use super::weight;

/// Most threads of a topic whose newest change is kept.
const CHANGES: usize = 64;
/// Bytes of their rows. The newest is kept however large it is.
const BYTES: usize = 256 * 1024;

/// What has become of who may read a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// It is as it was.
    Unchanged,
    /// It is as this row of the thread says; nothing if the thread is deleted.
    Changed(Option<Arc<Row>>),
    /// It changed too long ago to be known here: look at the rows.
    Unknown,
}

/// Bounded: the newest change of each of the threads that changed last.
#[derive(Debug, Default)]
pub(super) struct AccessChanges {
    /// Offset of the newest one. Who sends a frame looks here first, and takes no lock as long as
    /// nothing has changed.
    newest: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of their offsets.
    changes: VecDeque<Change>,
    bytes: usize,
    /// Offset of the newest one that was dropped.
    dropped: Offset,
}

#[derive(Debug)]
struct Change {
    thread: CompactString,
    incarnation: Offset,
    offset: Offset,
    row: Option<Arc<Row>>,
    bytes: usize,
}

impl AccessChanges {
    /// Takes in an event that changed who may read its thread.
    pub(super) fn tell(&self, projected: &Projected, delta: &RowDelta) {
        let envelope = &projected.recorded.envelope;
        let change = Change {
            thread: envelope.stream.id.clone(),
            incarnation: envelope.incarnation,
            offset: envelope.offset,
            row: delta.after.clone(),
            bytes: weight::rows(std::slice::from_ref(delta)),
        };
        self.kept.lock().push(change);
        self.newest.store(envelope.offset.0, Ordering::Release);
    }

    /// What has become of a life of a thread after an offset.
    pub(super) fn after(&self, thread: &str, incarnation: Offset, offset: Offset) -> Access {
        if self.newest.load(Ordering::Acquire) <= offset.0 {
            return Access::Unchanged;
        }
        self.kept.lock().after(thread, incarnation, offset)
    }
}

impl Kept {
    fn push(&mut self, change: Change) {
        let same = |other: &Change| {
            (&other.thread, other.incarnation) == (&change.thread, change.incarnation)
        };
        if let Some(place) = self.changes.iter().position(same)
            && let Some(older) = self.changes.remove(place)
        {
            self.bytes -= older.bytes;
        }
        self.bytes += change.bytes;
        self.changes.push_back(change);
        while self.changes.len() > CHANGES || (self.bytes > BYTES && self.changes.len() > 1) {
            let Some(oldest) = self.changes.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
            self.dropped = oldest.offset;
        }
    }

    fn after(&self, thread: &str, incarnation: Offset, offset: Offset) -> Access {
        let mut changes = self.changes.iter();
        let change =
            changes.find(|change| change.thread == thread && change.incarnation == incarnation);
        match change {
            Some(change) if change.offset > offset => Access::Changed(change.row.clone()),
            // It is the newest of this thread, so none that was dropped is newer.
            Some(_) => Access::Unchanged,
            None if self.dropped > offset => Access::Unknown,
            None => Access::Unchanged,
        }
    }
}

/// What an event changed of its thread's row, if it changed who may read it.
pub(super) fn delta_of(projected: &Projected) -> Option<&RowDelta> {
    let changes = projected.recorded.envelope.kind.changes_access();
    let mut deltas = projected.deltas.iter().filter(|_| changes);
    deltas.find(|delta| delta.table == threads::TABLE)
}
