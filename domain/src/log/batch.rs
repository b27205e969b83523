//! What is committed at once.

use std::sync::Arc;

use crate::event::Recorded;
use crate::hash::Hash;
use crate::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use crate::log::Sealed;

/// One event of a batch: decoded for the projections, sealed for the log.
#[derive(Debug, Clone, PartialEq)]
pub struct CommittedEvent {
    /// The event with its envelope.
    pub recorded: Arc<Recorded>,
    /// Its payload as stored.
    pub sealed: Sealed,
    /// Its own hash, the next event's `previous`.
    pub hash: Hash,
}

/// What a batch holds of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ManifestEntry {
    /// The project.
    pub project: ProjectNumber,
    /// Its identity.
    pub uid: ProjectUid,
    /// First offset in the batch.
    pub first: Offset,
    /// Last offset in the batch.
    pub last: Offset,
    /// Hash of the last event.
    pub head: Hash,
}

impl ManifestEntry {
    /// How many events of the project the batch holds.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.last.0.saturating_add(1).saturating_sub(self.first.0)
    }
}

/// A batch's contents page, committed with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Manifest {
    /// The batch's number.
    pub commit: CommitNumber,
    /// One entry for each project, ascending.
    pub entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// How many events the batch holds.
    #[must_use]
    pub fn events(&self) -> u64 {
        let events = self.entries.iter().map(ManifestEntry::events);
        events.fold(0, u64::saturating_add)
    }
}

/// A batch: written atomically and synced once.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its contents page.
    pub manifest: Manifest,
    /// Its events; those of one project are in order.
    pub events: Vec<CommittedEvent>,
}
