//! Encryption of payloads: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce before the
//! ciphertext. What is authenticated beside it binds the payload to its project, kind and version;
//! its offset is bound by the chain, which holds the hash of these bytes.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use everlog_domain::envelope::EventKind;
use everlog_domain::ids::ProjectUid;
use zeroize::Zeroizing;

/// A 256-bit data key, wiped from memory when dropped.
pub(crate) type DataKey = Zeroizing<[u8; 32]>;

/// Bytes of the nonce.
pub(crate) const NONCE_BYTES: usize = 12;

const DOMAIN: &[u8] = b"everlog payload v1";

/// What a payload is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) uid: ProjectUid,
    pub(crate) kind: EventKind,
    pub(crate) version: u16,
}

impl Binding {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        bytes.extend_from_slice(&self.uid.0);
        bytes.extend_from_slice(&self.kind.number().to_be_bytes());
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes
    }
}

/// Encrypts. The nonce MUST be new for the key. `None` only for plaintexts beyond the cipher's
/// bound of 64 GiB.
pub(crate) fn seal_with_nonce(
    key: &DataKey,
    nonce: [u8; NONCE_BYTES],
    binding: Binding,
    plain: &[u8],
) -> Option<Vec<u8>> {
    let aad = binding.bytes();
    let message = Payload {
        msg: plain,
        aad: &aad,
    };
    let sealed = Aes256Gcm::new(&(**key).into())
        .encrypt(&Nonce::from(nonce), message)
        .ok()?;
    let mut bytes = Vec::with_capacity(NONCE_BYTES + sealed.len());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Some(bytes)
}

/// Decrypts; `None` where the key, the binding or a bit is another one.
pub(crate) fn open(key: &DataKey, binding: Binding, bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let aad = binding.bytes();
    let message = Payload {
        msg: sealed,
        aad: &aad,
    };
    Aes256Gcm::new(&(**key).into())
        .decrypt(&Nonce::from(*nonce), message)
        .ok()
}
