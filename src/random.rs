//! Random bytes from the operating system.

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
