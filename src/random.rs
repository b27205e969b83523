//! Random bytes: from the operating system where they are secrets, made from such where they are
//! names.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// `N` random bytes.
///
/// # Panics
/// If the operating system has no randomness to give. Nothing can go on safely then: ids would
/// collide and secrets be guessed.
#[must_use]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "getrandom(2) fails on systems without it only; a server must not run there"
    )]
    getrandom::fill(&mut bytes).expect("the operating system's random numbers");
    bytes
}

/// 16 bytes for a name: no two are equal, and nobody can foretell them or tell how many there were.
/// AES-128 (FIPS 197) of a counter, under a key that is drawn once, costs no call of the system.
#[must_use]
pub(crate) fn name() -> [u8; 16] {
    static CIPHER: LazyLock<Aes128> = LazyLock::new(|| Aes128::new(&Array::from(bytes())));
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let counter = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let mut block = Array::from(counter.to_be_bytes());
    CIPHER.encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ_and_have_no_order() {
        let names: Vec<[u8; 16]> = (0..1_000).map(|_| name()).collect();
        let sorted: BTreeSet<&[u8; 16]> = names.iter().collect();
        assert_eq!(sorted.len(), names.len());
        assert!(!sorted.into_iter().eq(&names));
    }
}
