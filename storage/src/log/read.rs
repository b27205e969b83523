use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::chain;
use everlog_domain::ports::ReadFailure;

use super::engine::{Found, Frame, LogEngine};
use super::sealed::{SealedRecord, damaged, decode};
use super::segment::{Events, split_event};
use crate::keys::KeyStore;
use crate::record::{Place, StoredManifest};

/// Bytes of events that are read at once where one follows another.
const READ_AHEAD_BYTES: u64 = 128 * 1024;

/// Reads the log as it stood when the reader was made. Every record that is passed on has been
/// checked against the hash of its payload; in a sequence, also against the event before it.
pub(crate) struct Reader<'a> {
    engine: &'a LogEngine,
    keys: &'a KeyStore,
    /// The newest batch that was durable then.
    until: CommitNumber,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(engine: &'a LogEngine, keys: &'a KeyStore) -> Self {
        Self {
            engine,
            keys,
            until: engine.head(),
        }
    }

    /// The keys that open what is read.
    pub(crate) const fn keys(&self) -> &'a KeyStore {
        self.keys
    }

    /// Events of a project from an offset on, without gaps, linked to one another.
    pub(crate) fn sequence(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        let from = from.max(Offset(1));
        let mut events = Vec::with_capacity(limit.min(1024));
        let mut link: Option<Hash> = None;
        for record in self.records_up_to(Place::new(project, from), limit) {
            let record = record?;
            let place = Place::new(project, record.envelope.offset);
            if link.is_some_and(|link| link != record.envelope.previous) {
                let reason = "it does not follow from the event before it: one of both was changed";
                return Err(damaged(place, reason));
            }
            link = Some(chain::link(&record.envelope));
            events.push(record.open(self.keys)?);
        }
        Ok(events)
    }

    /// Envelopes from an offset on, without gaps, linked to one another. Their payloads stay closed.
    pub(crate) fn envelopes(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Envelope>, ReadFailure> {
        let from = from.max(Offset(1));
        let mut envelopes: Vec<Envelope> = Vec::with_capacity(limit.min(1024));
        for record in self.records_up_to(Place::new(project, from), limit) {
            let envelope = record?.envelope;
            let before = envelopes.last().map(chain::link);
            if before.is_some_and(|link| link != envelope.previous) {
                let reason = "it does not follow from the event before it: one of both was changed";
                return Err(damaged(Place::new(project, envelope.offset), reason));
            }
            envelopes.push(envelope);
        }
        Ok(envelopes)
    }

    /// Events at ascending offsets, all of which exist.
    pub(crate) fn places(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        let mut events = Vec::with_capacity(offsets.len());
        for run in offsets.chunk_by(|a, b| a.next() == *b) {
            let Some(&first) = run.first() else { continue };
            let before = events.len();
            for record in self.records_up_to(Place::new(project, first), run.len()) {
                events.push(record?.open(self.keys)?);
            }
            let found = events.len() - before;
            if let Some(&missing) = run.get(found) {
                return Err(damaged(Place::new(project, missing), "it is missing"));
            }
        }
        Ok(events)
    }

    /// The envelope at an offset.
    pub(crate) fn envelope(
        &self,
        project: ProjectNumber,
        offset: Offset,
    ) -> Result<Envelope, ReadFailure> {
        let place = Place::new(project, offset);
        let current = self.records_up_to(place, 1).locate()?;
        let mut current = current.ok_or_else(|| damaged(place, "it is missing"))?;
        let (record, _) = current.event(self.engine, place, 1)?;
        Ok(decode(place, record)?.envelope)
    }

    /// Records of a project from an offset on, one for each offset, each with its payload as
    /// stored, which has the hash that the envelope says.
    pub(crate) fn records(
        &self,
        project: ProjectNumber,
        from: Offset,
    ) -> impl Iterator<Item = Result<SealedRecord, ReadFailure>> + use<'a> {
        self.records_up_to(Place::new(project, from), usize::MAX)
    }

    /// So many records at most: what follows them is not read along with them.
    fn records_up_to(&self, from: Place, limit: usize) -> Records<'a> {
        Records {
            engine: self.engine,
            until: self.until,
            next: from,
            left: limit,
            current: None,
            failed: false,
        }
    }

    /// Contents pages after a commit, without gaps.
    pub(crate) fn manifests(
        &self,
        after: CommitNumber,
        limit: usize,
    ) -> Result<Vec<StoredManifest>, ReadFailure> {
        let pages = self.engine.pages(after, self.until, limit);
        pages.map_err(|failure| ReadFailure::Engine {
            reason: failure.to_string(),
        })
    }
}

struct Records<'a> {
    engine: &'a LogEngine,
    until: CommitNumber,
    next: Place,
    /// Records that are still wanted.
    left: usize,
    current: Option<Current>,
    failed: bool,
}

/// The frame of the event that was read last, with the events that were read along with it.
struct Current {
    frame: Box<Frame>,
    events: Events,
}

impl Iterator for Records<'_> {
    type Item = Result<SealedRecord, ReadFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.left == 0 {
            return None;
        }
        let record = self.read().transpose();
        self.left -= 1;
        self.failed = matches!(record, Some(Err(_)));
        record
    }
}

impl Records<'_> {
    fn read(&mut self) -> Result<Option<SealedRecord>, ReadFailure> {
        let place = self.next;
        let current = self.current.take();
        let current = current.filter(|current| current.frame.event_at(place).is_some());
        let current = match current {
            Some(current) => Some(current),
            None => self.locate()?,
        };
        let Some(mut current) = current else {
            return Ok(None);
        };
        let (record, beside) = current.event(self.engine, place, self.left)?;
        let sealed = SealedRecord::read(place, record, beside)?;
        self.current = Some(current);
        self.next.offset = place.offset.next();
        Ok(Some(sealed))
    }

    /// The frame that holds the next event; nothing where the project's events end before it.
    fn locate(&self) -> Result<Option<Current>, ReadFailure> {
        let place = self.next;
        let found = self.engine.frame_with(place, self.until);
        match found.map_err(|failure| unreadable(place, &failure))? {
            Found::In(frame) => {
                let n = frame.event_at(place).unwrap_or_default();
                let events = read_events(self.engine, &frame, place, n, self.left)?;
                Ok(Some(Current { frame, events }))
            }
            Found::Not { later: true } => Err(damaged(
                place,
                "it is missing, and events after it are there",
            )),
            Found::Not { later: false } => Ok(None),
        }
    }
}

impl Current {
    /// An event of the frame: its record, and what of its payload lies beside that.
    fn event(
        &mut self,
        engine: &LogEngine,
        place: Place,
        wanted: usize,
    ) -> Result<(&[u8], &[u8]), ReadFailure> {
        let missing = || damaged(place, "it is missing");
        let n = self.frame.event_at(place).ok_or_else(missing)?;
        if !self.events.has(&self.frame.head, n) {
            self.events = read_events(engine, &self.frame, place, n, wanted)?;
        }
        let bytes = self.events.get(&self.frame.head, n);
        let bytes =
            bytes.ok_or_else(|| damaged(place, "its bytes are not those that were written"))?;
        split_event(bytes).ok_or_else(|| damaged(place, "its bytes are no event"))
    }
}

/// Reads an event of a frame, and of those of the same project that follow it as many as are wanted,
/// within [`READ_AHEAD_BYTES`].
fn read_events(
    engine: &LogEngine,
    frame: &Frame,
    place: Place,
    first: usize,
    wanted: usize,
) -> Result<Events, ReadFailure> {
    let last = frame.last_event(place).unwrap_or(first);
    let last = last.min(first.saturating_add(wanted.saturating_sub(1)));
    let last = frame.head.up_to(first, last, READ_AHEAD_BYTES);
    let events = engine.events(frame, first, last);
    events.map_err(|error| unreadable(place, &error))
}

/// A frame that does not read is damage with a place, not a failure of the engine.
fn unreadable(place: Place, error: &dyn std::fmt::Display) -> ReadFailure {
    damaged(place, format!("it cannot be read: {error}"))
}
