//! The form of what lies in the log: records, fragments, contents pages, payloads.
//!
//! A record is a format byte and, in format 1, an rkyv archive of the envelope with the encrypted
//! payload ([`v1`]). A payload longer than [`INLINE_BYTES`] lies beside its record in fragments of
//! that length, so a record stays below a page, and an engine that keeps values under keys can
//! give each fragment one of its own. What is encrypted is MessagePack with the names of fields
//! ([`payload`]), so a field can be added without a new version of the kind; a change of meaning
//! is a new version with an upcast ([`upcast`]).
//!
//! Formats never change their meaning: golden bytes of each stand in `golden/`.

mod cipher;
mod field;
mod fragments;
#[cfg(test)]
mod golden_tests;
mod manifest;
mod nonce;
mod payload;
mod place;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod upcast;
mod v1;

use everlog_domain::envelope::{Envelope, EventKind};
use everlog_domain::ids::Offset;
use thiserror::Error;

pub(crate) use cipher::{Binding, DataKey, NONCE_BYTES, open, seal_with_nonce};
pub(crate) use fragments::{INLINE_BYTES, Joiner, beside_record, fragments};
pub(crate) use manifest::{StoredManifest, decode_manifest, encode_manifest};
pub(crate) use nonce::fresh_nonce;
pub(crate) use payload::{decode_payload, encode_payload};
pub(crate) use place::Place;

/// Largest encrypted payload, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 2 * 1024 * 1024;

/// The format that is written.
const FORMAT_1: u8 = 1;

/// A record as it is stored, its fragments not yet joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    pub(crate) envelope: Envelope,
    /// The encrypted payload, empty where it lies in fragments.
    pub(crate) inline: Vec<u8>,
    /// Bytes of the whole encrypted payload.
    pub(crate) payload_len: u32,
    /// How many fragments follow the record.
    pub(crate) fragments: u16,
}

/// Why a record does not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RecordError {
    #[error("the record is empty")]
    Empty,
    #[error("expected record format 1, found {found}: use the release that wrote this folder")]
    Format { found: u8 },
    #[error("the archive does not read: {reason}")]
    Archive { reason: String },
    #[error("{field}: {found} is none that this release knows")]
    Field { field: &'static str, found: String },
    #[error("expected {expected}, found {found}")]
    Fragments { expected: String, found: String },
}

/// Why a payload does not read, with what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} version {version} at offset {offset}: {reason}", kind.name())]
pub(crate) struct PayloadError {
    pub(crate) kind: EventKind,
    pub(crate) version: u16,
    pub(crate) offset: Offset,
    pub(crate) reason: String,
}

impl PayloadError {
    pub(crate) fn of(envelope: &Envelope, reason: impl Into<String>) -> Self {
        Self {
            kind: envelope.kind,
            version: envelope.version,
            offset: envelope.offset,
            reason: reason.into(),
        }
    }
}

/// The record's bytes. Payloads up to [`INLINE_BYTES`] stand in it, longer ones in [`fragments`].
pub(crate) fn encode(envelope: &Envelope, payload: &[u8]) -> Result<Vec<u8>, RecordError> {
    v1::encode(envelope, payload)
}

/// Reads a record of any released format.
pub(crate) fn decode(bytes: &[u8]) -> Result<StoredRecord, RecordError> {
    match bytes.split_first() {
        None => Err(RecordError::Empty),
        Some((&FORMAT_1, archive)) => v1::decode(archive),
        Some((&found, _)) => Err(RecordError::Format { found }),
    }
}
