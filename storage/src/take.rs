//! Takes what has a fixed length off the front of bytes.

/// The next bytes; nothing, and nothing taken, where there are fewer.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

/// The next 8 bytes, a big-endian number.
pub(crate) fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}
