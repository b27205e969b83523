//! Where the batches of a segment of the log start, read by the format alone and not by the scanner that is being tested.

/// Bytes of a segment's header.
const HEADER_BYTES: usize = 24;
/// What a batch begins with, before its length (u32).
pub(super) const BATCH: &[u8; 4] = b"EvF1";
/// Magic, length and a part of the number: without them nothing begins.
pub(super) const START_BYTES: usize = 13;

/// The first byte of every batch, up to the first byte that belongs to none.
pub(super) fn batch_starts(segment: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut place = HEADER_BYTES;
    while let Some(length) = length(segment.get(place..).unwrap_or_default()) {
        starts.push(place);
        place += length;
    }
    starts
}

fn length(batch: &[u8]) -> Option<usize> {
    let (length, _) = batch.strip_prefix(BATCH)?.split_first_chunk::<4>()?;
    Some(u32::from_be_bytes(*length) as usize)
}
