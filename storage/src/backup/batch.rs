//! A batch out of its frame, held against everything that is known before it.

use std::collections::HashMap;

use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::log::ManifestEntry;
use everlog_domain::ports::ReadFailure;

use crate::log::{ReadError, SealedRecord, WholeFrame, damaged, page_of, split_event};
use crate::offline::{Broken, Chains};
use crate::record::{Place, StoredManifest};

/// A frame with its contents page.
pub(super) struct WholeBatch {
    pub(super) frame: WholeFrame,
    pub(super) page: StoredManifest,
}

/// The hash of each event of a batch.
pub(super) type Hashes = HashMap<(ProjectNumber, Offset), Hash>;

impl WholeBatch {
    /// # Errors
    /// Where the page does not read. `before` are the chains up to this batch.
    pub(super) fn of(frame: WholeFrame, before: &Chains) -> Result<Self, Broken> {
        match page_of(&frame.head) {
            Ok(page) => Ok(Self { frame, page }),
            Err(failure) => Err(somewhere(before, &failure.to_string())),
        }
    }

    /// Goes on through the chains. `open` looks at each payload, whose hash is right.
    pub(super) fn follow(
        &self,
        chains: &mut Chains,
        open: &mut dyn FnMut(SealedRecord) -> Result<(), ReadFailure>,
    ) -> Result<Hashes, Broken> {
        let mut hashes = Hashes::new();
        for (entry, first) in self.entries() {
            let records = (entry.first.0..=entry.last.0)
                .zip(first..)
                .map(|(offset, n)| {
                    let place = Place::new(entry.project, Offset(offset));
                    let bytes = self.frame.event(n).and_then(split_event);
                    let (record, beside) =
                        bytes.ok_or_else(|| damaged(place, "its bytes are no event"))?;
                    SealedRecord::read(place, record, beside)
                });
            chains.follow_records(records, entry, open, &mut |link| {
                hashes.insert((entry.project, link.offset), link.hash);
            })?;
        }
        Ok(hashes)
    }

    /// What the page says of each project, with which of the frame's events is its first.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&ManifestEntry, usize)> {
        let mut before = 0;
        self.page.manifest.entries.iter().map(move |entry| {
            let first = before;
            // a frame's events were in memory once
            before += usize::try_from(entry.events()).unwrap_or(usize::MAX - before);
            (entry, first)
        })
    }
}

/// A batch that does not read names no event: what is lost begins behind what is known, of the
/// first project that has something behind it.
pub(super) fn unreadable(before: &Chains, expected: &Chains, error: &ReadError) -> Broken {
    let mut behind: Vec<_> = expected
        .links()
        .filter_map(|(project, end)| {
            let known = before.get(project).map_or(Offset(0), |link| link.offset);
            (known < end.offset).then(|| (project, known.next()))
        })
        .collect();
    behind.sort_unstable();
    match behind.first() {
        Some((project, offset)) => Broken {
            project: *project,
            offset: *offset,
            reason: error.to_string(),
        },
        None => somewhere(before, &error.to_string()),
    }
}

fn somewhere(before: &Chains, reason: &str) -> Broken {
    let first = before.links().min_by_key(|(project, _)| *project);
    Broken {
        project: first.map_or(everlog_domain::ids::CONSOLE, |(project, _)| project),
        offset: first.map_or(Offset(1), |(_, link)| link.offset.next()),
        reason: reason.to_owned(),
    }
}
