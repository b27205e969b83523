//! The blocks of lsm-tree's table files, and the items of those that hold every key in full:
//!
//! ```text
//! header   "LSM" 03  kind u8  XXH3-128 of the stored bytes  stored length u32  plain length u32
//!          low 32 bits of the XXH3-128 of the header up to here
//! item     value kind u8  seqno varint  key length varint  key  (value length varint  value)
//! ```
//!
//! An item of kind 255 ends the items; after it come the block's own indexes and, 31 bytes before
//! its end, the restart interval: 1 in meta blocks and in the meta keyspace, which is why keys
//! are not shortened there and can be read one after another.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::damage::{Defect, ScanDamage};
use super::fields::Fields;

pub(super) const HEADER_LEN: usize = 33;
const HEADER_HASHED: usize = HEADER_LEN - 4;
const MAGIC: [u8; 4] = [b'L', b'S', b'M', 3];
const TRAILER_LEN: usize = 31;
const END_OF_ITEMS: u8 = 255;
const TOMBSTONES: [u8; 2] = [1, 2];

/// The kinds of block, by their number in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Data = 0,
    Index = 1,
    Meta = 3,
}

pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) checksum: u128,
    pub(super) stored_len: usize,
}

/// Where the bytes of a block come from, for errors.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a Path,
    pub(super) part: &'static str,
    pub(super) at: u64,
}

impl Place<'_> {
    pub(super) fn malformed(self) -> ScanDamage {
        ScanDamage::malformed(self.file, self.part, self.at)
    }

    pub(super) fn compare(self, expected: u128, found: u128) -> Result<(), ScanDamage> {
        if expected == found {
            return Ok(());
        }
        let Self { file, part, at } = self;
        Err(ScanDamage::new(
            file,
            Defect::Checksum {
                part,
                at,
                expected,
                found,
            },
        ))
    }
}

/// The header of a block, from at least [`HEADER_LEN`] bytes.
pub(super) fn read_header(bytes: &[u8], place: Place<'_>) -> Result<Header, ScanDamage> {
    let hashed = bytes
        .get(..HEADER_HASHED)
        .ok_or_else(|| place.malformed())?;
    let (header, checksum) = parse_header(bytes).ok_or_else(|| place.malformed())?;
    place.compare(checksum.into(), xxh3_128(hashed) & u128::from(u32::MAX))?;
    Ok(header)
}

fn parse_header(bytes: &[u8]) -> Option<(Header, u32)> {
    let mut fields = Fields::of(bytes);
    (fields.bytes(MAGIC.len())? == MAGIC).then_some(())?;
    let kind = fields.u8()?;
    let checksum = fields.u128()?;
    let stored_len = usize::try_from(fields.u32()?).ok()?;
    fields.u32()?;
    Some((
        Header {
            kind,
            checksum,
            stored_len,
        },
        fields.u32()?,
    ))
}

/// The stored bytes of the one block that `bytes` begin with, compared with both checksums.
pub(super) fn read_block<'a>(
    bytes: &'a [u8],
    kind: BlockKind,
    place: Place<'_>,
) -> Result<&'a [u8], ScanDamage> {
    let header = read_header(bytes, place)?;
    let stored = bytes
        .get(HEADER_LEN..)
        .and_then(|body| body.get(..header.stored_len));
    let stored = stored.ok_or_else(|| place.malformed())?;
    place.compare(header.checksum, xxh3_128(stored))?;
    if header.kind == kind as u8 {
        Ok(stored)
    } else {
        Err(place.malformed())
    }
}

/// An item of a block that holds every key in full.
pub(super) struct BlockItem<'a> {
    pub(super) seqno: u64,
    pub(super) key: &'a [u8],
    /// `None` for a tombstone.
    pub(super) value: Option<&'a [u8]>,
}

/// The items of an uncompressed block with the restart interval 1.
pub(super) fn read_items<'a>(
    block: &'a [u8],
    place: Place<'_>,
) -> Result<Vec<BlockItem<'a>>, ScanDamage> {
    let interval = block
        .len()
        .checked_sub(TRAILER_LEN)
        .and_then(|at| block.get(at));
    if interval != Some(&1) {
        return Err(place.malformed());
    }
    let mut fields = Fields::of(block);
    let mut items = Vec::new();
    while let Some(item) = parse_item(&mut fields).ok_or_else(|| place.malformed())? {
        items.push(item);
    }
    Ok(items)
}

/// The next item, `Some(None)` at the end of the items, `None` where the bytes are none.
#[expect(
    clippy::option_option,
    reason = "the end of the items and the end of the bytes are two things"
)]
fn parse_item<'a>(fields: &mut Fields<'a>) -> Option<Option<BlockItem<'a>>> {
    let kind = fields.u8()?;
    if kind == END_OF_ITEMS {
        return Some(None);
    }
    let seqno = fields.varint()?;
    let key = parse_bytes(fields)?;
    let value = if TOMBSTONES.contains(&kind) {
        None
    } else {
        Some(parse_bytes(fields)?)
    };
    Some(Some(BlockItem { seqno, key, value }))
}

fn parse_bytes<'a>(fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    let len = fields.varint()?;
    fields.bytes(usize::try_from(len).ok()?)
}
