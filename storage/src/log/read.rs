use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::chain;
use everlog_domain::ports::ReadFailure;
use fjall::{Readable, Snapshot};

use super::engine::{LogEngine, commit_number};
use crate::keys::KeyStore;
use crate::record::{
    self, Binding, EventKey, Joiner, PayloadError, Place, RecordError, StoredManifest,
    StoredRecord, project_range,
};

/// Reads the log as it stood when the reader was made. Every record that is passed on has been
/// checked against the hash of its payload; in a sequence, also against the event before it.
pub(crate) struct Reader<'a> {
    engine: &'a LogEngine,
    keys: &'a KeyStore,
    /// fjall puts a batch in piece by piece after its sync, and a read without a snapshot would
    /// come upon records whose fragments are not there yet.
    snapshot: Snapshot,
}

/// A record with its whole encrypted payload.
pub(crate) struct SealedRecord {
    pub(crate) envelope: Envelope,
    pub(crate) payload: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(engine: &'a LogEngine, keys: &'a KeyStore) -> Self {
        Self {
            engine,
            keys,
            snapshot: engine.snapshot(),
        }
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
        for record in self.records(project, from).take(limit) {
            let record = record?;
            let place = Place::new(project, record.envelope.offset);
            if link.is_some_and(|link| link != record.envelope.previous) {
                let reason = "it does not follow from the event before it: one of both was changed";
                return Err(damaged(place, reason));
            }
            link = Some(chain::link(&record.envelope));
            events.push(self.open(record)?);
        }
        Ok(events)
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
            for record in self.records(project, first).take(run.len()) {
                events.push(self.open(record?)?);
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
        let bytes = self.snapshot.get(&self.engine.events, place.record_key());
        let bytes = bytes.map_err(|error| engine(&error))?;
        let bytes = bytes.ok_or_else(|| damaged(place, "it is missing"))?;
        Ok(decode(place, &bytes)?.envelope)
    }

    /// Records of a project from an offset on, one for each offset, each with its payload as
    /// stored, which has the hash that the envelope says.
    pub(crate) fn records(
        &self,
        project: ProjectNumber,
        from: Offset,
    ) -> impl Iterator<Item = Result<SealedRecord, ReadFailure>> + use<> {
        let range = project_range(project, from, Offset(u64::MAX));
        Records {
            items: self.snapshot.range(&self.engine.events, range),
            next: Place::new(project, from),
            failed: false,
        }
    }

    /// Decrypts and decodes.
    pub(crate) fn open(&self, record: SealedRecord) -> Result<Recorded, ReadFailure> {
        let SealedRecord { envelope, payload } = record;
        let place = Place::new(envelope.project, envelope.offset);
        let failed = |reason: String| {
            let error = PayloadError::of(&envelope, reason);
            damaged(place, error.to_string())
        };
        let key = self.keys.by_id(envelope.key);
        let key = key.map_err(|error| failed(error.to_string()))?;
        let key =
            key.ok_or_else(|| failed(format!("data key {:016x} is missing", envelope.key.0)))?;
        let binding = Binding {
            uid: envelope.uid,
            kind: envelope.kind,
            version: envelope.version,
        };
        let plain = record::open(&key, binding, &payload);
        let plain = plain.ok_or_else(|| failed("its payload does not decrypt".to_owned()))?;
        let event = record::decode_payload(envelope.kind, envelope.version, &plain);
        let event = event.map_err(failed)?;
        Ok(Recorded { envelope, event })
    }

    /// Contents pages after a commit, without gaps.
    pub(crate) fn manifests(
        &self,
        after: CommitNumber,
        limit: usize,
    ) -> Result<Vec<StoredManifest>, ReadFailure> {
        let mut expected = after.next();
        let mut pages = Vec::with_capacity(limit.min(1024));
        let range = expected.0.to_be_bytes()..;
        let pages_after = self.snapshot.range(&self.engine.manifests, range);
        for item in pages_after.take(limit) {
            let (key, value) = item.into_inner().map_err(|error| engine(&error))?;
            let commit = commit_number(&key).map_err(|error| page(expected, &error))?;
            if commit != expected {
                let reason = format!("contents page {expected} is missing, the next is {commit}");
                return Err(ReadFailure::Engine { reason });
            }
            let read = record::decode_manifest(commit, &value);
            pages.push(read.map_err(|error| page(commit, &error))?);
            expected = commit.next();
        }
        Ok(pages)
    }
}

struct Records {
    items: fjall::Iter,
    next: Place,
    failed: bool,
}

impl Iterator for Records {
    type Item = Result<SealedRecord, ReadFailure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.read().transpose();
        self.failed = matches!(record, Some(Err(_)));
        record
    }
}

impl Records {
    fn read(&mut self) -> Result<Option<SealedRecord>, ReadFailure> {
        let place = self.next;
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let (key, value) = item
            .into_inner()
            .map_err(|error| unreadable(place, &error))?;
        if EventKey::parse(&key) != Some(EventKey::Record(place)) {
            let reason = format!("it is missing, the next key is {}", hex::encode(&key));
            return Err(damaged(place, reason));
        }
        let mut stored = decode(place, &value)?;
        let payload = self.join(place, &mut stored)?;
        if Hash::of_bytes(&payload) != stored.envelope.payload_hash {
            return Err(damaged(
                place,
                "its payload has another hash than its envelope says",
            ));
        }
        self.next.offset = place.offset.next();
        Ok(Some(SealedRecord {
            envelope: stored.envelope,
            payload,
        }))
    }

    fn join(&mut self, place: Place, stored: &mut StoredRecord) -> Result<Vec<u8>, ReadFailure> {
        let of_record = |error: RecordError| damaged(place, error.to_string());
        let mut joiner = Joiner::new(stored).map_err(of_record)?;
        while let Some(awaited) = joiner.awaited() {
            let Some(item) = self.items.next() else { break };
            let (key, value) = item
                .into_inner()
                .map_err(|error| unreadable(place, &error))?;
            if EventKey::parse(&key) != Some(EventKey::Fragment(place, awaited)) {
                let reason = format!("its fragment {awaited} is missing");
                return Err(damaged(place, reason));
            }
            joiner.push(awaited, &value).map_err(of_record)?;
        }
        joiner.finish().map_err(of_record)
    }
}

fn decode(place: Place, bytes: &[u8]) -> Result<StoredRecord, ReadFailure> {
    let stored = record::decode(bytes).map_err(|error| damaged(place, error.to_string()))?;
    let says = Place::new(stored.envelope.project, stored.envelope.offset);
    if says == place {
        return Ok(stored);
    }
    let reason = format!(
        "it says that it is offset {} of project {}",
        says.offset, says.project
    );
    Err(damaged(place, reason))
}

pub(crate) fn damaged(place: Place, reason: impl Into<String>) -> ReadFailure {
    ReadFailure::Damaged {
        project: place.project,
        offset: place.offset,
        reason: reason.into(),
    }
}

/// A block that fjall cannot read is damage with a place, not a failure of the engine.
fn unreadable(place: Place, error: &fjall::Error) -> ReadFailure {
    damaged(place, format!("the engine cannot read it: {error}"))
}

fn engine(error: &fjall::Error) -> ReadFailure {
    ReadFailure::Engine {
        reason: error.to_string(),
    }
}

fn page(commit: CommitNumber, error: &RecordError) -> ReadFailure {
    ReadFailure::Engine {
        reason: format!("contents page {commit}: {error}"),
    }
}
