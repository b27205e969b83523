//! Contents pages. Format 1: a format byte,
//! then big-endian: batches of the key store (u64), and for each project its number (u64), uid
//! (16), first and last offset (u64 each) and head hash (32).
//!
//! Beside what the domain asks for, a page says how far the key store must have got for its
//! events to be readable, so that a key store that was cut is noticed when the folder is opened.

use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use everlog_domain::log::{Manifest, ManifestEntry};

use super::RecordError;
use crate::take::{number, take};

const FORMAT_1: u8 = 1;
const ENTRY_BYTES: usize = 8 + 16 + 8 + 8 + 32;

/// A contents page with what the engine adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredManifest {
    pub(crate) manifest: Manifest,
    /// Batches that the key store held when this page was written.
    pub(crate) key_batches: u64,
}

pub(crate) fn encode_manifest(manifest: &Manifest, key_batches: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + manifest.entries.len() * ENTRY_BYTES);
    bytes.push(FORMAT_1);
    bytes.extend_from_slice(&key_batches.to_be_bytes());
    for entry in &manifest.entries {
        bytes.extend_from_slice(&entry.project.0.to_be_bytes());
        bytes.extend_from_slice(&entry.uid.0);
        bytes.extend_from_slice(&entry.first.0.to_be_bytes());
        bytes.extend_from_slice(&entry.last.0.to_be_bytes());
        bytes.extend_from_slice(entry.head.as_bytes());
    }
    bytes
}

pub(crate) fn decode_manifest(
    commit: CommitNumber,
    bytes: &[u8],
) -> Result<StoredManifest, RecordError> {
    let (&format, rest) = bytes.split_first().ok_or(RecordError::Empty)?;
    if format != FORMAT_1 {
        return Err(RecordError::Format { found: format });
    }
    read_page(commit, rest).ok_or_else(|| RecordError::Archive {
        reason: format!("{} bytes are no contents page", bytes.len()),
    })
}

fn read_page(commit: CommitNumber, mut rest: &[u8]) -> Option<StoredManifest> {
    let key_batches = number(&mut rest)?;
    if !rest.len().is_multiple_of(ENTRY_BYTES) {
        return None;
    }
    let mut entries = Vec::with_capacity(rest.len() / ENTRY_BYTES);
    while !rest.is_empty() {
        entries.push(ManifestEntry {
            project: ProjectNumber(number(&mut rest)?),
            uid: ProjectUid(take(&mut rest)?),
            first: Offset(number(&mut rest)?),
            last: Offset(number(&mut rest)?),
            head: Hash::from_bytes(take(&mut rest)?),
        });
    }
    Some(StoredManifest {
        manifest: Manifest { commit, entries },
        key_batches,
    })
}
