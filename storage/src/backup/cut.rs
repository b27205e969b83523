//! Which events of a batch are restored. Pure.

use everlog_domain::ids::{CONSOLE, CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::ManifestEntry;
use everlog_domain::time::Time;

/// Up to where a backup is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// All of it.
    Newest,
    /// This batch is the last one.
    Commit(CommitNumber),
    /// The log ends before the first event that happened later.
    Time(Time),
    /// The log ends with the batch that holds this offset of the project that was named, of which
    /// nothing later is kept.
    Offset(Offset),
}

/// Decides batch by batch.
pub(super) struct Cut {
    pub(super) point: Point,
    /// The project that was named, once its number is known.
    pub(super) project: Option<ProjectNumber>,
    /// Whether the other projects are left out. The control plane is kept: it is where projects
    /// have their numbers and names.
    pub(super) alone: bool,
}

/// What is kept of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) parts: Vec<Part>,
    /// Whether nothing is kept of later batches.
    pub(super) is_last: bool,
    /// Whether anything of the batch is left out.
    pub(super) is_whole: bool,
}

/// The events of a project in a batch that are kept: the first ones, at least one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Which entry of the page.
    pub(super) entry: usize,
    pub(super) events: u64,
}

impl Cut {
    /// `times` are those of all events, in the order of the page.
    pub(super) fn of(&self, commit: CommitNumber, page: &[ManifestEntry], times: &[Time]) -> Kept {
        let mut parts = Vec::with_capacity(page.len());
        let mut before = 0;
        let mut is_last = self.point == Point::Commit(commit);
        for (number, entry) in page.iter().enumerate() {
            let all = entry.events();
            // a batch was in memory once
            let count = usize::try_from(all).unwrap_or(usize::MAX);
            let times = times.get(before..).unwrap_or_default();
            let times = times.get(..count).unwrap_or(times);
            before += count;
            let within = self.within(entry, times);
            is_last |= within < all || self.ends_with(entry);
            let events = if self.leaves_out(entry.project) {
                0
            } else {
                within
            };
            if events > 0 {
                let entry = number;
                parts.push(Part { entry, events });
            }
        }
        let kept: u64 = parts.iter().map(|part| part.events).sum();
        Kept {
            is_whole: kept == page.iter().map(ManifestEntry::events).sum::<u64>(),
            parts,
            is_last,
        }
    }

    /// How many of a project's events lie before the point.
    fn within(&self, entry: &ManifestEntry, times: &[Time]) -> u64 {
        match self.point {
            Point::Time(time) => {
                let before = times.iter().take_while(|found| **found <= time);
                before.count() as u64
            }
            Point::Offset(offset) if self.project == Some(entry.project) => {
                let last = entry.last.min(offset);
                (last.0 + 1).saturating_sub(entry.first.0)
            }
            Point::Newest | Point::Commit(_) | Point::Offset(_) => entry.events(),
        }
    }

    fn ends_with(&self, entry: &ManifestEntry) -> bool {
        match self.point {
            Point::Offset(offset) => self.project == Some(entry.project) && entry.last >= offset,
            Point::Newest | Point::Commit(_) | Point::Time(_) => false,
        }
    }

    fn leaves_out(&self, project: ProjectNumber) -> bool {
        self.alone && project != CONSOLE && self.project != Some(project)
    }
}

#[cfg(test)]
mod tests {
    use everlog_domain::hash::Hash;
    use everlog_domain::ids::ProjectUid;

    use super::*;

    fn entry(project: u64, first: u64, last: u64) -> ManifestEntry {
        ManifestEntry {
            project: ProjectNumber(project),
            uid: ProjectUid([0; 16]),
            first: Offset(first),
            last: Offset(last),
            head: Hash::from_bytes([0; 32]),
        }
    }

    /// Two events of the console, three of project 2, one of project 3, a microsecond apart.
    fn kept(point: Point, alone: bool) -> (Vec<(usize, u64)>, bool, bool) {
        let page = [entry(1, 5, 6), entry(2, 10, 12), entry(3, 1, 1)];
        let times: Vec<Time> = (100..106).map(Time).collect();
        let cut = Cut {
            point,
            project: Some(ProjectNumber(2)),
            alone,
        };
        let kept = cut.of(CommitNumber(9), &page, &times);
        let parts = kept.parts.iter().map(|part| (part.entry, part.events));
        (parts.collect(), kept.is_last, kept.is_whole)
    }

    #[test]
    fn points_within_a_batch_and_beside_it() {
        let all = vec![(0, 2), (1, 3), (2, 1)];
        let cases = [
            (Point::Newest, all.clone(), false, true),
            (Point::Commit(CommitNumber(8)), all.clone(), false, true),
            (Point::Commit(CommitNumber(9)), all.clone(), true, true),
            (Point::Time(Time(200)), all.clone(), false, true),
            (Point::Time(Time(105)), all.clone(), false, true),
            (Point::Time(Time(103)), vec![(0, 2), (1, 2)], true, false),
            (Point::Time(Time(99)), vec![], true, false),
            (Point::Offset(Offset(13)), all.clone(), false, true),
            (Point::Offset(Offset(12)), all, true, true),
            (
                Point::Offset(Offset(10)),
                vec![(0, 2), (1, 1), (2, 1)],
                true,
                false,
            ),
        ];
        for (point, parts, is_last, is_whole) in cases {
            assert_eq!(kept(point, false), (parts, is_last, is_whole), "{point:?}");
        }
    }

    #[test]
    fn a_project_alone_keeps_the_console() {
        assert_eq!(
            kept(Point::Newest, true),
            (vec![(0, 2), (1, 3)], false, false)
        );
    }
}
