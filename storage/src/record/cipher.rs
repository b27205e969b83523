//! Encryption of payloads: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce before the
//! ciphertext. What is authenticated beside it binds the payload to its project, kind and version;
//! its offset is bound by the chain, which holds the hash of these bytes.

use aes_gcm::aead::{Aead, AeadInOut, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use everlog_domain::envelope::EventKind;
use everlog_domain::ids::ProjectUid;
use zeroize::Zeroizing;

/// A 256-bit data key, wiped from memory when dropped.
pub(crate) type DataKey = Zeroizing<[u8; 32]>;

/// Bytes of the nonce.
pub(crate) const NONCE_BYTES: usize = 12;

/// Bytes of the tag behind the ciphertext.
const TAG_BYTES: usize = 16;

const DOMAIN: &[u8] = b"everlog payload v1";

/// What a payload is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) uid: ProjectUid,
    pub(crate) kind: EventKind,
    pub(crate) version: u16,
}

impl Binding {
    fn bytes(self) -> [u8; DOMAIN.len() + 20] {
        let mut bytes = [0; DOMAIN.len() + 20];
        let (domain, rest) = bytes.split_at_mut(DOMAIN.len());
        domain.copy_from_slice(DOMAIN);
        rest[..16].copy_from_slice(&self.uid.0);
        rest[16..18].copy_from_slice(&self.kind.number().to_be_bytes());
        rest[18..].copy_from_slice(&self.version.to_be_bytes());
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
    let mut bytes = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(plain);
    let cipher = Aes256Gcm::new(&(**key).into());
    let text = bytes.get_mut(NONCE_BYTES..)?.into();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &binding.bytes(), text);
    bytes.extend_from_slice(&tag.ok()?);
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
