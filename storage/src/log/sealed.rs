//! A record with its whole encrypted payload, out of the bytes of an event.

use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ports::ReadFailure;

use crate::keys::DataKeys;
use crate::record::{
    self, Binding, INLINE_BYTES, Joiner, PayloadError, Place, RecordError, StoredRecord,
};

/// A record with its whole encrypted payload.
pub(crate) struct SealedRecord {
    pub(crate) envelope: Envelope,
    pub(crate) payload: Vec<u8>,
}

impl SealedRecord {
    /// Reads the event that must be the one at a place, and whose payload must have the hash that
    /// its envelope says.
    pub(crate) fn read(place: Place, record: &[u8], beside: &[u8]) -> Result<Self, ReadFailure> {
        let mut stored = decode(place, record)?;
        let payload = join(place, &mut stored, beside)?;
        if Hash::of_bytes(&payload) != stored.envelope.payload_hash {
            return Err(damaged(
                place,
                "its payload has another hash than its envelope says",
            ));
        }
        Ok(Self {
            envelope: stored.envelope,
            payload,
        })
    }

    /// Decrypts and decodes.
    pub(crate) fn open(self, keys: &impl DataKeys) -> Result<Recorded, ReadFailure> {
        let Self { envelope, payload } = self;
        let place = Place::new(envelope.project, envelope.offset);
        let failed = |reason: String| {
            let error = PayloadError::of(&envelope, reason);
            damaged(place, error.to_string())
        };
        let key = keys.data_key(envelope.key);
        let key = key.map_err(|error| failed(error.to_string()))?;
        let Some(key) = key else {
            let envelope = Box::new(envelope);
            return Err(ReadFailure::KeyMissing { envelope });
        };
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
}

/// Gathers an encrypted payload.
fn join(place: Place, stored: &mut StoredRecord, beside: &[u8]) -> Result<Vec<u8>, ReadFailure> {
    let of_record = |error: RecordError| damaged(place, error.to_string());
    let mut joiner = Joiner::new(stored).map_err(of_record)?;
    for (number, fragment) in (0..).zip(beside.chunks(INLINE_BYTES)) {
        joiner.push(number, fragment).map_err(of_record)?;
    }
    joiner.finish().map_err(of_record)
}

pub(super) fn decode(place: Place, bytes: &[u8]) -> Result<StoredRecord, ReadFailure> {
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
