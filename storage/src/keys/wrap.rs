//! Keys under keys: AES-256-GCM under a key that HKDF (RFC 5869, SHA-256) derives from the master
//! key, bound to what the wrapped key is for.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KeysFailure, MasterKey};
use crate::record::DataKey;

const INFO: &[u8] = b"everlog key encryption v1";
const NONCE_BYTES: usize = 12;
/// Nonce, key and tag.
pub(super) const WRAPPED_BYTES: usize = NONCE_BYTES + 32 + 16;

pub(super) struct Wrapper(Aes256Gcm);

impl Wrapper {
    pub(super) fn new(master: &MasterKey) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(None, master.as_bytes()).expand(INFO, key.as_mut_slice());
        // RFC 5869 bounds the length at 255 hashes, that is 8,160 bytes
        debug_assert!(derived.is_ok(), "32 bytes are within HKDF's bound");
        Self(Aes256Gcm::new(&(*key).into()))
    }

    /// Nonce ‖ ciphertext ‖ tag.
    pub(super) fn wrap(&self, key: &DataKey, purpose: &[u8]) -> Result<Vec<u8>, KeysFailure> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let message = Payload {
            msg: key.as_slice(),
            aad: purpose,
        };
        let mut wrapped = nonce.to_vec();
        // refused for plaintexts beyond 64 GiB only; nothing is stored that cannot be read again
        let sealed = self.0.encrypt(&Nonce::from(nonce), message);
        wrapped.extend(sealed.map_err(|_| KeysFailure::WrongMasterKey)?);
        Ok(wrapped)
    }

    pub(super) fn unwrap(&self, wrapped: &[u8], purpose: &[u8]) -> Option<DataKey> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_BYTES>()?;
        let message = Payload {
            msg: sealed,
            aad: purpose,
        };
        let plain = Zeroizing::new(self.0.decrypt(&Nonce::from(*nonce), message).ok()?);
        Some(Zeroizing::new(plain.as_slice().try_into().ok()?))
    }
}
