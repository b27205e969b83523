use std::collections::{BTreeMap, VecDeque};

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};

use super::{BATCHES_TOGETHER, TOGETHER};
use crate::log::segment::Location;

/// What the database of the index does not know yet, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Recent {
    batches: VecDeque<RecentBatch>,
    places: BTreeMap<(ProjectNumber, Offset), Location>,
}

/// A batch, with what it holds of each project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecentBatch {
    pub(super) at: Location,
    pub(super) next: Location,
    pub(super) parts: Vec<Part>,
}

/// What a batch holds of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) project: ProjectNumber,
    /// Its first event.
    pub(crate) first: Offset,
    /// Bytes of its events.
    pub(crate) bytes: u64,
}

impl Recent {
    pub(super) fn push(&mut self, batch: RecentBatch) {
        let places = batch.parts.iter();
        let places = places.map(|part| ((part.project, part.first), batch.at));
        self.places.extend(places);
        self.batches.push_back(batch);
    }

    /// Bytes of a project's events in batches from a commit on.
    pub(super) fn bytes_of(&self, project: ProjectNumber, from: CommitNumber) -> u64 {
        let batches = self.batches.iter();
        let later = batches.filter(|batch| batch.at.commit >= from);
        let parts = later.flat_map(|batch| &batch.parts);
        let own = parts.filter(|part| part.project == project);
        own.map(|part| part.bytes).sum()
    }

    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    pub(super) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Whether it is worth writing.
    pub(super) fn is_enough(&self) -> bool {
        self.batches.len() >= BATCHES_TOGETHER || self.places.len() >= TOGETHER
    }

    pub(super) fn floor(&self, project: ProjectNumber, offset: Offset) -> Option<Location> {
        let mut before = self.places.range((project, Offset(0))..=(project, offset));
        before.next_back().map(|(_, at)| *at)
    }

    pub(super) fn after(&self, project: ProjectNumber, offset: Offset) -> Option<Location> {
        let mut after = self.places.range((project, offset.next())..);
        let ((found, _), at) = after.next()?;
        (*found == project).then_some(*at)
    }

    pub(super) fn batch(&self, commit: CommitNumber) -> Option<Location> {
        let oldest = self.batches.front()?.at.commit;
        let n = usize::try_from(commit.0.checked_sub(oldest.0)?).ok()?;
        self.batches.get(n).map(|batch| batch.at)
    }

    pub(super) fn oldest(&self, count: usize) -> Vec<RecentBatch> {
        self.batches.iter().take(count).cloned().collect()
    }

    pub(super) fn forget_oldest(&mut self, count: usize) {
        for batch in self.batches.drain(..count.min(self.batches.len())) {
            for part in &batch.parts {
                self.places.remove(&(part.project, part.first));
            }
        }
    }
}
