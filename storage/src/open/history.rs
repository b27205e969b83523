use std::collections::HashMap;

use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::ManifestEntry;

use super::refused::LostFrom;
use crate::log::Mark;
use crate::record::StoredManifest;
use crate::scan::Standing;

/// What the contents pages of the journals tell, read before the engine opens.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The first page in an unbroken line.
    pub(super) first: Option<CommitNumber>,
    /// The newest page in an unbroken line.
    pub(super) newest: Option<Newest>,
    /// Newest offset and hash of each project that the pages name.
    heads: HashMap<ProjectNumber, (Offset, Hash)>,
    /// The first page that does not follow from the one before.
    pub(super) broken: Option<Break>,
}

/// The newest whole page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    pub(super) commit: CommitNumber,
    pub(super) key_batches: u64,
    first_entry: Option<ManifestEntry>,
}

/// Where the line of pages breaks.
#[derive(Debug)]
pub(super) struct Break {
    pub(super) lost_from: Option<LostFrom>,
    pub(super) reason: String,
}

impl History {
    /// Takes the next page of the journals.
    pub(super) fn push(&mut self, page: &StoredManifest, standing: Standing, mark: Option<&Mark>) {
        if self.broken.is_some() {
            return;
        }
        if standing == Standing::AfterDamage {
            return self.break_at(page, "bytes before this batch are damaged");
        }
        let commit = page.manifest.commit;
        if self
            .newest
            .is_some_and(|newest| commit != newest.commit.next())
        {
            return self.break_at(page, "batches before this one are missing");
        }
        for entry in &page.manifest.entries {
            let known = self.heads.get(&entry.project);
            if known.is_some_and(|(last, _)| last.next() != entry.first) {
                return self.break_at(page, "events before this batch are missing");
            }
            self.heads.insert(entry.project, (entry.last, entry.head));
        }
        self.first = self.first.or(Some(commit));
        self.newest = Some(Newest {
            commit,
            key_batches: page.key_batches,
            first_entry: page.manifest.entries.first().copied(),
        });
        if let Some(mark) = mark.filter(|mark| mark.commit == commit) {
            self.compare(mark);
        }
    }

    /// The events in the log must be those that were acknowledged.
    fn compare(&mut self, mark: &Mark) {
        let differs = mark
            .entries
            .iter()
            .find(|entry| self.heads.get(&entry.project) != Some(&(entry.last, entry.head)));
        if let Some(entry) = differs {
            self.broken = Some(Break {
                lost_from: Some(LostFrom {
                    project: entry.project,
                    offset: entry.last,
                }),
                reason: "the watermark saw another event there than the log has".to_owned(),
            });
        }
    }

    fn break_at(&mut self, page: &StoredManifest, reason: &str) {
        let gap = page.manifest.entries.iter().find_map(|entry| {
            let (last, _) = self.heads.get(&entry.project)?;
            (last.next() < entry.first).then_some(LostFrom {
                project: entry.project,
                offset: last.next(),
            })
        });
        let newest = self.newest.map_or(0, |newest| newest.commit.0);
        self.broken = Some(Break {
            lost_from: gap.or_else(|| self.after_newest()).or_else(|| before(page)),
            reason: format!(
                "{reason}: batch {} follows batch {newest}",
                page.manifest.commit
            ),
        });
    }

    /// The first event that a witness knows of and the pages do not, or else the one after the
    /// newest that they know.
    pub(super) fn first_missing(&self, mark: Option<&Mark>) -> Option<LostFrom> {
        let witnessed = mark.and_then(|mark| {
            mark.entries.iter().find_map(|entry| {
                let next = self.heads.get(&entry.project).map(|(last, _)| last.next());
                let offset = next.unwrap_or(entry.last);
                (offset <= entry.last).then_some(LostFrom {
                    project: entry.project,
                    offset,
                })
            })
        });
        witnessed.or_else(|| self.after_newest())
    }

    fn after_newest(&self) -> Option<LostFrom> {
        let entry = self.newest?.first_entry?;
        Some(LostFrom {
            project: entry.project,
            offset: entry.last.next(),
        })
    }

    /// The newest event of the newest page.
    pub(super) fn newest_event(&self) -> Option<LostFrom> {
        let entry = self.newest?.first_entry?;
        Some(LostFrom {
            project: entry.project,
            offset: entry.last,
        })
    }
}

fn before(page: &StoredManifest) -> Option<LostFrom> {
    let entry = page.manifest.entries.first()?;
    Some(LostFrom {
        project: entry.project,
        offset: Offset(entry.first.0.saturating_sub(1).max(1)),
    })
}
