use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Batch, Manifest, ManifestEntry};
use parking_lot::Mutex;
use thiserror::Error;

use super::index::{Index, IndexFailure, Part};
use super::segment::{
    FrameBuffer, FrameHead, FrameTooLarge, Location, ReadError, SegmentWriter, Segments,
};
use crate::record::{self, Place, RecordError, StoredManifest};
use crate::scan::ScanDamage;

/// The segments of the log with their index.
pub(crate) struct LogEngine {
    segments: Segments,
    index: Index,
    writer: Mutex<Writer>,
    /// Number of the newest durable batch.
    head: AtomicU64,
}

struct Writer {
    segment: SegmentWriter,
    frame: FrameBuffer,
}

/// What the engine can meet.
#[derive(Debug, Error)]
pub(crate) enum EngineFailure {
    #[error(transparent)]
    Files(#[from] ScanDamage),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Index(#[from] IndexFailure),
    #[error("contents page {commit}: {error}")]
    Page {
        commit: CommitNumber,
        error: RecordError,
    },
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Whether there is an event at a place.
pub(crate) enum Found {
    /// This frame holds it.
    In(Box<Frame>),
    /// The project's events begin again at a later offset, or end before it.
    Not {
        /// Whether there are later ones.
        later: bool,
    },
}

/// A batch that was found, its events not yet read.
pub(crate) struct Frame {
    pub(crate) at: Location,
    pub(crate) head: FrameHead,
    pub(crate) page: StoredManifest,
}

impl LogEngine {
    /// Opens a log that somebody has looked at, and brings its index up to it.
    pub(crate) fn open(folder: &Path, index: &Path) -> Result<Self, EngineFailure> {
        let segments = Segments::of(folder);
        let (index, end) = open_index(&segments, index)?;
        let segment = SegmentWriter::open(folder, end.segment, end.position)?;
        Ok(Self {
            segments,
            index,
            writer: Mutex::new(Writer {
                segment,
                frame: FrameBuffer::default(),
            }),
            head: AtomicU64::new(end.commit.0.saturating_sub(1)),
        })
    }

    /// The newest durable batch.
    pub(crate) fn head(&self) -> CommitNumber {
        CommitNumber(self.head.load(Ordering::Acquire))
    }

    /// Where the next batch will lie.
    pub(crate) fn end(&self) -> Location {
        let writer = self.writer.lock();
        writer.segment.end(self.head().next())
    }

    /// Writes a batch and waits until the disk has it. Order: readers find it only afterwards, and
    /// whole.
    pub(crate) fn append(&self, batch: &Batch, key_batches: u64) -> Result<(), EngineFailure> {
        self.index.make_room()?;
        let Writer { segment, frame } = &mut *self.writer.lock();
        fill(frame, batch, key_batches)?;
        let commit = batch.manifest.commit;
        let parts = parts(&batch.manifest, |events| frame.end_of(events));
        let frame = frame.finish(commit)?;
        let at = segment.append(commit, frame)?;
        let next = at.after(frame.len() as u64);
        self.index.enter(at, next, parts);
        self.head.store(commit.0, Ordering::Release);
        Ok(())
    }

    /// The batch that holds an event, of those up to a commit.
    pub(crate) fn frame_with(
        &self,
        place: Place,
        until: CommitNumber,
    ) -> Result<Found, EngineFailure> {
        let Place { project, offset } = place;
        let at = self.index.batch_with(project, offset)?;
        if let Some(at) = at.filter(|at| at.commit <= until) {
            let frame = self.frame(at)?;
            if frame.event_at(place).is_some() {
                return Ok(Found::In(Box::new(frame)));
            }
        }
        let later = self.index.batch_after(project, offset)?;
        let later = later.is_some_and(|later| later.commit <= until);
        Ok(Found::Not { later })
    }

    /// Events of a frame, from one to another.
    pub(crate) fn events(
        &self,
        frame: &Frame,
        first: usize,
        last: usize,
    ) -> Result<super::segment::Events, ReadError> {
        self.segments.events(frame.at, &frame.head, first, last)
    }

    /// Bytes of a project's events in all batches.
    pub(crate) fn bytes_of(&self, project: ProjectNumber) -> Result<u64, EngineFailure> {
        Ok(self.index.bytes_of(project)?)
    }

    /// Contents pages after a commit and up to another, at most `limit`.
    pub(crate) fn pages(
        &self,
        after: CommitNumber,
        until: CommitNumber,
        limit: usize,
    ) -> Result<Vec<StoredManifest>, EngineFailure> {
        let mut pages = Vec::with_capacity(limit.min(1024));
        if after >= until || limit == 0 {
            return Ok(pages);
        }
        let mut at = match self.index.near(after.next())? {
            Some(near) => near,
            None => self.segments.start()?,
        };
        while at.commit <= until && pages.len() < limit {
            let frame = self.frame(at)?;
            at = frame.at.after(frame.head.bytes);
            if frame.head.commit > after {
                pages.push(frame.page);
            }
        }
        Ok(pages)
    }

    fn frame(&self, at: Location) -> Result<Frame, EngineFailure> {
        let (place, head) = self.segments.frame_at(at)?;
        let head = head.ok_or_else(|| self.segments.missing(at))?;
        let page = page_of(&head)?;
        Ok(Frame {
            at: place,
            head,
            page,
        })
    }
}

impl Frame {
    /// Which of the frame's events is at a place.
    pub(crate) fn event_at(&self, place: Place) -> Option<usize> {
        event_at(&self.page.manifest, place)
    }

    /// Which of the frame's events is the last of a project.
    pub(crate) fn last_event(&self, place: Place) -> Option<usize> {
        let mut entries = self.page.manifest.entries.iter();
        let entry = entries.find(|entry| entry.project == place.project)?;
        self.event_at(Place::new(place.project, entry.last))
    }
}

/// Events lie by project, as the page lists them, and by offset.
fn event_at(manifest: &Manifest, place: Place) -> Option<usize> {
    let mut before = 0;
    for entry in &manifest.entries {
        if entry.project == place.project {
            let within = entry.first <= place.offset && place.offset <= entry.last;
            let n = before + place.offset.0.checked_sub(entry.first.0)?;
            return within.then(|| usize::try_from(n).ok()).flatten();
        }
        before += entry.events();
    }
    None
}

/// The contents page of a frame, which must list as many events as the frame has.
pub(crate) fn page_of(head: &FrameHead) -> Result<StoredManifest, EngineFailure> {
    let page = record::decode_manifest(head.commit, &head.page);
    let page = page.map_err(|error| EngineFailure::Page {
        commit: head.commit,
        error,
    })?;
    let listed = page.manifest.events();
    if listed == head.events() as u64 {
        return Ok(page);
    }
    Err(EngineFailure::Page {
        commit: head.commit,
        error: RecordError::Field {
            field: "number of events",
            found: format!("{listed}, the frame has {}", head.events()),
        },
    })
}

fn fill(frame: &mut FrameBuffer, batch: &Batch, key_batches: u64) -> Result<(), EngineFailure> {
    let page = record::encode_manifest(&batch.manifest, key_batches);
    frame.begin(&page, batch.events.len());
    for n in order(batch) {
        let event = &batch.events[n];
        let payload = &event.sealed.bytes;
        let record = record::encode(&event.recorded.envelope, payload)?;
        frame.push(&record, record::beside_record(payload))?;
    }
    Ok(())
}

/// The events of a batch by project and offset: those of one project are in order already.
fn order(batch: &Batch) -> Vec<usize> {
    let mut order: Vec<usize> = (0..batch.events.len()).collect();
    if batch.manifest.entries.len() > 1 {
        order.sort_by_key(|n| batch.events[*n].recorded.envelope.project);
    }
    order
}

/// What a batch holds of each project. `end_of` tells where the first so many events end.
fn parts(manifest: &Manifest, end_of: impl Fn(usize) -> u64) -> Vec<Part> {
    let mut events = 0;
    let part = |entry: &ManifestEntry| {
        let begin = end_of(events);
        // A batch was in memory, so its events can be counted.
        events += usize::try_from(entry.events()).unwrap_or(usize::MAX);
        Part {
            project: entry.project,
            first: entry.first,
            bytes: end_of(events).saturating_sub(begin),
        }
    };
    manifest.entries.iter().map(part).collect()
}

/// Opens the index and brings it up to the log. One that speaks of another log begins anew.
fn open_index(segments: &Segments, folder: &Path) -> Result<(Index, Location), EngineFailure> {
    let index = Index::open(folder)?;
    match catch_up(segments, &index) {
        Err(EngineFailure::Read(error)) if index.reached()?.is_some() => {
            tracing::warn!(%error, "the index does not go with the log and is made anew");
            drop(index);
            let index = Index::anew(folder)?;
            let end = catch_up(segments, &index)?;
            Ok((index, end))
        }
        end => Ok((index, end?)),
    }
}

/// Enters what the index does not know. Answers with where the log ends.
fn catch_up(segments: &Segments, index: &Index) -> Result<Location, EngineFailure> {
    let mut at = match index.reached()? {
        Some(reached) => reached,
        None => segments.start()?,
    };
    loop {
        let (place, head) = segments.frame_at(at)?;
        let Some(head) = head else {
            return Ok(place);
        };
        let next = place.after(head.bytes);
        index.make_room()?;
        let page = page_of(&head)?;
        index.enter(place, next, parts(&page.manifest, |n| head.end_of(n)));
        at = next;
    }
}
