//! What those who watch the same thing share.

use std::collections::HashMap;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;

use super::access_changes::AccessChanges;
use super::ring::Ring;
use super::signals::Signals;
use super::waker::{Slot, Waker};

/// A thing that is watched.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) project: ProjectNumber,
    pub(super) ring: Mutex<Ring>,
    pub(super) access: AccessChanges,
    pub(super) signals: Signals,
    watchers: Mutex<HashMap<u64, (Waker, Slot)>>,
}

impl Topic {
    /// Of a project, with nobody who watches it yet.
    pub(super) fn new(project: ProjectNumber) -> Self {
        Self {
            project,
            ring: Mutex::default(),
            access: AccessChanges::default(),
            signals: Signals::default(),
            watchers: Mutex::default(),
        }
    }

    /// Marks everybody who watches it.
    pub(super) fn wake(&self) {
        self.watchers
            .lock()
            .values()
            .for_each(|(waker, slot)| waker.mark(*slot));
    }

    /// Somebody watches it, under this number.
    pub(super) fn enter(&self, number: u64, waker: &Waker, slot: Slot) {
        self.watchers.lock().insert(number, (waker.clone(), slot));
    }

    /// Somebody watches it no more. Answers whether nobody does.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut watchers = self.watchers.lock();
        watchers.remove(&number);
        watchers.is_empty()
    }
}
