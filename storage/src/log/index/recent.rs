use std::collections::{BTreeMap, VecDeque};

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::Manifest;

use super::{BATCHES_TOGETHER, TOGETHER};
use crate::log::segment::Location;

/// What the database of the index does not know yet, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Recent {
    batches: VecDeque<RecentBatch>,
    places: BTreeMap<(ProjectNumber, Offset), Location>,
}

/// A batch, with the projects that it has events of and the first of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecentBatch {
    pub(super) at: Location,
    pub(super) next: Location,
    pub(super) firsts: Vec<(ProjectNumber, Offset)>,
}

impl Recent {
    pub(super) fn push(&mut self, at: Location, next: Location, manifest: &Manifest) {
        let entries = manifest.entries.iter();
        let firsts: Vec<_> = entries.map(|entry| (entry.project, entry.first)).collect();
        self.places.extend(firsts.iter().map(|first| (*first, at)));
        self.batches.push_back(RecentBatch { at, next, firsts });
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
            for first in &batch.firsts {
                self.places.remove(first);
            }
        }
    }
}
