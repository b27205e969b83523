//! What the log keeps of a wish that a caller named.
//!
//! It stands in the envelope, which is not encrypted, so it is a keyed hash: whoever has the log
//! without its keys could otherwise try short messages and addresses against it.

use everlog_domain::hash::Hash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Makes scopes and bodies of wishes: HMAC-SHA256 (RFC 2104) under the folder's secret.
#[derive(Clone)]
pub struct WishCodec {
    keyed: Hmac<Sha256>,
}

impl WishCodec {
    /// A codec under a server's secret. The same secret knows a wish again, also after a restart.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let key = Hash::of(&[b"everlog wishes", secret]);
        // a key shorter than the hash's block is padded with zeros
        let mut block = [0; 64];
        block[..32].copy_from_slice(key.as_bytes());
        Self {
            keyed: <Hmac<Sha256> as KeyInit>::new(&block.into()),
        }
    }

    /// The keyed hash of fields; no two lists of fields collide.
    #[must_use]
    pub(super) fn hash(&self, fields: &[&[u8]]) -> Hash {
        let mut keyed = self.keyed.clone();
        for field in fields {
            keyed.update(&(field.len() as u64).to_be_bytes());
            keyed.update(field);
        }
        Hash::from_bytes(keyed.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_known_again_by_its_server_and_by_nobody_else() {
        let own = WishCodec::new(b"secret");
        assert_eq!(
            own.hash(&[b"yes"]),
            WishCodec::new(b"secret").hash(&[b"yes"])
        );
        assert_ne!(
            own.hash(&[b"yes"]),
            WishCodec::new(b"other").hash(&[b"yes"])
        );
        assert_ne!(own.hash(&[b"yes"]), Hash::of(&[b"yes"]));
        assert_ne!(own.hash(&[b"ab", b"c"]), own.hash(&[b"a", b"bc"]));
    }
}
