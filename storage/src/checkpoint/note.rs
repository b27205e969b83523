//! A checkpoint as text (C2SP tlog-checkpoint, signed-note):
//!
//! ```text
//! everlog/0f1e…                    origin: the project's uid in hexadecimal
//! 1207                             size: the offset
//! mBvP…=                           root: base64 of the hash of the event at that offset
//!
//! — everlog/0f1e… c2lnb…=          base64 of the key's id (4 bytes) and the Ed25519 signature
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectUid};
use sha2::{Digest, Sha256};
use thiserror::Error;

const ORIGIN: &str = "everlog/";
const SIGNATURE: &str = "\u{2014} ";
/// The algorithm's byte in the id of a key (C2SP signed-note).
const ED25519: u8 = 1;
/// Lines of a note as it is stored.
pub(super) const LINES: usize = 5;

/// What a project's log was at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) uid: ProjectUid,
    pub(crate) offset: Offset,
    /// Hash of the event at the offset.
    pub(crate) head: Hash,
}

/// Why text is not a checkpoint that this key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NoteError {
    #[error("it is not in the form of a checkpoint")]
    Malformed,
    #[error("another key signed it")]
    OtherKey,
    #[error("its signature is wrong: its text was changed")]
    Signature,
}

impl NoteError {
    /// Whether this is what a power loss leaves of a note that was being written.
    pub(crate) const fn is_cut_short(self) -> bool {
        matches!(self, Self::Malformed)
    }
}

impl Note {
    fn origin(&self) -> String {
        format!("{ORIGIN}{}", hex::encode(self.uid.0))
    }

    fn text(&self) -> String {
        let root = STANDARD.encode(self.head.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin(), self.offset)
    }

    /// The note with its signature, ended by a line break.
    pub(crate) fn sign(&self, key: &SigningKey) -> String {
        let text = self.text();
        let origin = self.origin();
        let mut signature = key_id(&origin, &key.verifying_key()).to_vec();
        signature.extend_from_slice(&key.sign(text.as_bytes()).to_bytes());
        let signature = STANDARD.encode(signature);
        format!("{text}\n{SIGNATURE}{origin} {signature}\n")
    }

    /// Reads the lines of one note.
    pub(super) fn read(lines: &[&str], key: &VerifyingKey) -> Result<Self, NoteError> {
        let [origin, size, root, "", signature] = lines else {
            return Err(NoteError::Malformed);
        };
        let note = Self::parse(origin, size, root).ok_or(NoteError::Malformed)?;
        let signature = signature
            .strip_prefix(SIGNATURE)
            .and_then(|rest| rest.strip_prefix(origin)?.strip_prefix(' '))
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or(NoteError::Malformed)?;
        let (id, signature) = signature
            .split_first_chunk::<4>()
            .ok_or(NoteError::Malformed)?;
        if *id != key_id(origin, key) {
            return Err(NoteError::OtherKey);
        }
        let signature = Signature::from_slice(signature).map_err(|_| NoteError::Malformed)?;
        key.verify_strict(note.text().as_bytes(), &signature)
            .map_err(|_| NoteError::Signature)?;
        Ok(note)
    }

    fn parse(origin: &str, size: &str, root: &str) -> Option<Self> {
        let mut uid = [0; 16];
        hex::decode_to_slice(origin.strip_prefix(ORIGIN)?, &mut uid).ok()?;
        Some(Self {
            uid: ProjectUid(uid),
            offset: Offset(size.parse().ok()?),
            head: Hash::from_bytes(STANDARD.decode(root).ok()?.try_into().ok()?),
        })
    }
}

/// The first bytes of SHA-256(name ‖ line feed ‖ algorithm ‖ public key).
fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let mut digest = Sha256::new();
    digest.update(name.as_bytes());
    digest.update([b'\n', ED25519]);
    digest.update(key.as_bytes());
    let digest: [u8; 32] = digest.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}
