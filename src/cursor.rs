//! Public cursors: places in a project's log that tell nothing about it. An offset would tell how
//! busy a tenant is.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use compact_str::CompactString;
use everlog_domain::access::Caller;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber};
use subtle::ConstantTimeEq;

/// The scope that sees offsets.
pub(crate) const LOG_SCOPE: &str = "log.read";

/// Encodes offsets as cursors and reads them back.
///
/// A cursor is one AES-128 block over `offset u64 BE ‖ project u64 BE` in base64url, 22
/// characters. The cipher is a permutation of blocks, so a cursor that was made up, or that is
/// another project's, decodes to this project's number with probability 2⁻⁶⁴.
#[derive(Clone)]
pub struct CursorCodec {
    cipher: Aes128,
}

impl CursorCodec {
    /// A codec under a server's secret. The same secret reads what it wrote, also after a restart.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let digest = Hash::of(&[b"everlog cursor", secret]);
        let mut key = [0; 16];
        key.copy_from_slice(&digest.as_bytes()[..16]);
        Self {
            cipher: Aes128::new(&Array::from(key)),
        }
    }

    /// The cursor of an offset.
    #[must_use]
    pub fn encode(&self, project: ProjectNumber, offset: Offset) -> CompactString {
        let mut plain = [0; 16];
        plain[..8].copy_from_slice(&offset.0.to_be_bytes());
        plain[8..].copy_from_slice(&project.0.to_be_bytes());
        let mut block = Array::from(plain);
        self.cipher.encrypt_block(&mut block);
        let mut text = [0; 22];
        // 16 bytes make 22 characters of base64 without padding, always
        let length = URL_SAFE_NO_PAD.encode_slice(block, &mut text).unwrap_or(0);
        CompactString::from_utf8_lossy(&text[..length])
    }

    /// The offset of a cursor of this project; nothing if it is none.
    #[must_use]
    pub fn decode(&self, project: ProjectNumber, cursor: &str) -> Option<Offset> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
        let mut block = Array::from(bytes);
        self.cipher.decrypt_block(&mut block);
        let (offset, check) = block.split_at(8);
        let own: bool = check.ct_eq(&project.0.to_be_bytes()).into();
        own.then_some(Offset(u64::from_be_bytes(offset.try_into().ok()?)))
    }

    /// The place that a caller names: a cursor of their project, or for those who may read the log
    /// an offset. For others, whether a number is refused or waited for would tell how far the
    /// project's log has got.
    pub(crate) fn named(&self, caller: &Caller, text: &str) -> Option<Offset> {
        let number = match caller.scopes.contains(LOG_SCOPE) {
            true => text.parse().ok().map(Offset),
            false => None,
        };
        number.or_else(|| self.decode(caller.project, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_and_foreign_cursors_are_refused() {
        let codec = CursorCodec::new(b"one");
        let cursor = codec.encode(ProjectNumber(2), Offset(7));
        assert_eq!(codec.decode(ProjectNumber(3), &cursor), None);
        assert_eq!(
            CursorCodec::new(b"two").decode(ProjectNumber(2), &cursor),
            None
        );
        for text in ["", "7", "AAAAAAAAAAAAAAAAAAAAAA", "*", &cursor[..21]] {
            assert_eq!(codec.decode(ProjectNumber(2), text), None, "{text:?}");
        }
    }

    #[test]
    fn cursors_read_back_and_show_no_order() {
        let codec = CursorCodec::new(b"one");
        for offset in [0, 1, 2, u64::MAX] {
            let cursor = codec.encode(ProjectNumber(2), Offset(offset));
            assert_eq!(cursor.len(), 22);
            assert_eq!(
                codec.decode(ProjectNumber(2), &cursor),
                Some(Offset(offset))
            );
        }
        let one = codec.encode(ProjectNumber(2), Offset(1));
        let two = codec.encode(ProjectNumber(2), Offset(2));
        assert_ne!(one[..8], two[..8]);
    }
}
