//! Kinds of events that are many, and of which one stands for all.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use everlog_domain::envelope::EventKind;

/// Whether every event of a kind writes the same cells of its thread's row, so that one of them
/// stands for all. These are the many; others are read each.
pub(super) const fn writes_alike(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::ItemPosted
            | EventKind::ItemOpened
            | EventKind::ItemFinished
            | EventKind::ItemAbandoned
    )
}

/// The places of a thread's row that events of these kinds write, once one of each was read.
#[derive(Debug, Default)]
pub(super) struct Alike(RefCell<BTreeMap<EventKind, BTreeSet<usize>>>);

impl Alike {
    /// The places, if they are known.
    pub(super) fn places(&self, kind: EventKind) -> Option<BTreeSet<usize>> {
        self.0.borrow().get(&kind).cloned()
    }

    /// An event of a kind was read.
    pub(super) fn learn(&self, kind: EventKind, places: &BTreeSet<usize>) {
        if writes_alike(kind) {
            self.0.borrow_mut().insert(kind, places.clone());
        }
    }
}
