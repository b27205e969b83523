//! The log that is made out of a backup: frames as they were, or written anew where something of
//! them is left out. Events are never changed, so the chain of each project goes on.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::{Manifest, ManifestEntry};

use super::batch::{Hashes, WholeBatch};
use super::cut::Kept;
use crate::log::{FrameBuffer, Location, Mark, SegmentWriter, create_first, split_event};
use crate::record::{StoredManifest, encode_manifest};

/// A log in the making.
pub(super) struct NewLog {
    writer: SegmentWriter,
    buffer: FrameBuffer,
    newest: Option<StoredManifest>,
    events: u64,
    projects: BTreeSet<ProjectNumber>,
}

impl NewLog {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        create_first(folder)?;
        let start = Location::beginning(CommitNumber(1));
        Ok(Self {
            writer: SegmentWriter::open(folder, start.segment, start.position)?,
            buffer: FrameBuffer::default(),
            newest: None,
            events: 0,
            projects: BTreeSet::new(),
        })
    }

    /// The newest batch.
    pub(super) fn commit(&self) -> CommitNumber {
        let newest = self.newest.as_ref();
        newest.map_or(CommitNumber(0), |page| page.manifest.commit)
    }

    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Projects that have events.
    pub(super) fn projects(&self) -> usize {
        self.projects.len()
    }

    /// What the watermark says of it.
    pub(super) fn mark(&self) -> Option<Mark> {
        let newest = self.newest.as_ref();
        newest.map(|page| Mark::of(&page.manifest, page.key_batches))
    }

    /// Writes what is kept of a batch. Batches of which nothing is kept are no batches of this log,
    /// so those behind them get lower numbers.
    pub(super) fn write(
        &mut self,
        batch: &WholeBatch,
        kept: &Kept,
        hashes: &Hashes,
    ) -> io::Result<()> {
        if kept.parts.is_empty() {
            return Ok(());
        }
        let commit = self.commit().next();
        let page = if kept.is_whole && batch.page.manifest.commit == commit {
            self.writer.put(commit, &batch.frame.bytes)?;
            batch.page.clone()
        } else {
            let page = page(commit, batch, kept, hashes).ok_or_else(inconsistent)?;
            self.write_anew(&page, batch, kept)?;
            page
        };
        let entries = &page.manifest.entries;
        self.events += page.manifest.events();
        self.projects
            .extend(entries.iter().map(|entry| entry.project));
        self.newest = Some(page);
        Ok(())
    }

    fn write_anew(
        &mut self,
        page: &StoredManifest,
        batch: &WholeBatch,
        kept: &Kept,
    ) -> io::Result<()> {
        let bytes = encode_manifest(&page.manifest, page.key_batches);
        let count = usize::try_from(page.manifest.events()).map_err(io::Error::other)?;
        self.buffer.begin(&bytes, count);
        for part in &kept.parts {
            let (_, first) = batch.entries().nth(part.entry).ok_or_else(inconsistent)?;
            let events = usize::try_from(part.events).map_err(io::Error::other)?;
            for n in first..first + events {
                let event = batch.frame.event(n).and_then(split_event);
                let (record, beside) = event.ok_or_else(inconsistent)?;
                self.buffer.push(record, beside).map_err(io::Error::other)?;
            }
        }
        let commit = page.manifest.commit;
        let frame = self.buffer.finish(commit).map_err(io::Error::other)?;
        self.writer.put(commit, frame).map(drop)
    }
}

/// The contents page of what is kept.
fn page(
    commit: CommitNumber,
    batch: &WholeBatch,
    kept: &Kept,
    hashes: &Hashes,
) -> Option<StoredManifest> {
    let listed = &batch.page.manifest.entries;
    let entries = kept.parts.iter().map(|part| {
        let entry = listed.get(part.entry)?;
        let last = Offset(entry.first.0 + part.events - 1);
        Some(ManifestEntry {
            last,
            head: *hashes.get(&(entry.project, last))?,
            ..*entry
        })
    });
    Some(StoredManifest {
        manifest: Manifest {
            commit,
            entries: entries.collect::<Option<_>>()?,
        },
        key_batches: batch.page.key_batches,
    })
}

/// The batch was followed event by event, so this is a fault of the program and not of the backup.
fn inconsistent() -> io::Error {
    io::Error::other("a batch that was proved does not have the events that its page lists")
}
