//! Where the batches of a fjall journal start, read by the format alone and not by the scanner that is being tested.

/// fjall's tags. A batch is a start, items or clears, and an end.
const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// Tag, number of items (u32), sequence number (u64).
pub(super) const START_BYTES: usize = 13;
/// Tag, kind, compression, keyspace (u64), length of the key (u16), of the value, and of the value as stored (u32 each).
const ITEM_BYTES: usize = 21;
/// Tag, keyspace (u64).
const CLEAR_BYTES: usize = 9;
/// Tag, checksum (u64), magic.
const END_BYTES: usize = 13;

/// The first byte of every batch, up to the first byte that belongs to none.
pub(super) fn batch_starts(journal: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut place = 0;
    while let Some(tag) = journal.get(place) {
        let length = match *tag {
            START => {
                starts.push(place);
                Some(START_BYTES)
            }
            ITEM => item_length(&journal[place..]),
            CLEAR => Some(CLEAR_BYTES),
            END => Some(END_BYTES),
            _ => None,
        };
        match length {
            Some(length) => place += length,
            None => break,
        }
    }
    starts
}

fn item_length(item: &[u8]) -> Option<usize> {
    let key = u16::from_le_bytes(item.get(11..13)?.try_into().ok()?);
    let stored = u32::from_le_bytes(item.get(17..21)?.try_into().ok()?);
    Some(ITEM_BYTES + usize::from(key) + stored as usize)
}
