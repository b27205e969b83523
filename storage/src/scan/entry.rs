//! The entries of a journal file, as fjall 3.1 writes them (all numbers little-endian):
//!
//! ```text
//! start  01  items u32  seqno u64
//! item   02  value kind u8  compression u8  keyspace u64  key length u16
//!            plain length u32  stored length u32  key  stored value
//! end    03  XXH3-64 of all bytes between start and end  46 4A 4C 03
//! clear  04  keyspace u64
//! ```

use std::fmt;

use super::damage::ScanDamage;
use super::fields::Fields;
use super::window::FileWindow;

pub(super) const START_TAG: u8 = 1;
const ITEM_TAG: u8 = 2;
const END_TAG: u8 = 3;
const CLEAR_TAG: u8 = 4;

pub(super) const START_LEN: usize = 13;
const ITEM_HEAD_LEN: usize = 21;
const END_LEN: usize = 13;
const CLEAR_LEN: usize = 9;
/// No entry inside a batch is shorter, so a batch of n items takes at least n times this.
pub(super) const SHORTEST_ENTRY: u64 = CLEAR_LEN as u64;

const END_MAGIC: [u8; 4] = [b'F', b'J', b'L', 3];

/// Why the bytes at a place of a journal are not a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flaw {
    /// Byte in the file where the flaw was noticed, which may be after the batch's start.
    pub at: u64,
    /// What was wrong there.
    pub kind: FlawKind,
}

/// See [`Flaw`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlawKind {
    /// No entry begins with this byte.
    UnknownTag(u8),
    /// Something else than a start stands where a batch should start.
    NoStart,
    /// A batch starts before the one around it has ended.
    StartInsideBatch,
    /// The file ends inside an entry.
    CutOff,
    /// An item of an unknown kind of value.
    UnknownValueKind(u8),
    /// An item compressed in an unknown way.
    UnknownCompression(u8),
    /// The end entry does not close with its magic bytes.
    EndWithoutMagic,
    /// The batch has fewer or more items than its start says.
    ItemCount {
        /// Items by the start entry.
        expected: u32,
        /// Items up to the end entry, or to the first that was too many.
        found: u32,
    },
    /// The items do not have the checksum that the end entry holds.
    Checksum {
        /// XXH3-64 in the end entry.
        expected: u64,
        /// XXH3-64 of the bytes.
        found: u64,
    },
    /// A compressed value does not decompress to its plain length.
    Decompression,
    /// The sequence number has the bit set that fjall keeps for transactions in memory.
    ReservedSeqno(u64),
    /// The batch is whole, but its sequence number is not above the one before. No checksum covers
    /// these numbers, so either may be wrong.
    SeqnoOrder {
        /// The number of the batch before.
        before: u64,
        /// The number that should be higher.
        found: u64,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.kind {
            FlawKind::UnknownTag(tag) => {
                write!(f, "expected an entry at byte {at}, found the tag {tag}")
            }
            FlawKind::NoStart => write!(
                f,
                "expected the start of a batch at byte {at}, found another entry"
            ),
            FlawKind::StartInsideBatch => write!(f, "a batch starts inside another at byte {at}"),
            FlawKind::CutOff => write!(f, "the file ends inside the entry at byte {at}"),
            FlawKind::UnknownValueKind(kind) => {
                write!(f, "unknown value kind {kind} in the item at byte {at}")
            }
            FlawKind::UnknownCompression(kind) => {
                write!(f, "unknown compression {kind} in the item at byte {at}")
            }
            FlawKind::EndWithoutMagic => {
                write!(f, "the batch's end at byte {at} is not fully written")
            }
            FlawKind::ItemCount { expected, found } => {
                write!(
                    f,
                    "expected {expected} items before byte {at}, found {found}"
                )
            }
            FlawKind::Checksum { expected, found } => {
                write!(
                    f,
                    "the batch ending at byte {at}: expected checksum {expected:016x}, found {found:016x}"
                )
            }
            FlawKind::ReservedSeqno(seqno) => {
                write!(f, "the batch at byte {at} has the sequence number {seqno}")
            }
            FlawKind::SeqnoOrder { before, found } => {
                write!(
                    f,
                    "expected a sequence number above {before} in the batch at byte {at}, found {found}"
                )
            }
            FlawKind::Decompression => {
                write!(f, "the value of the item at byte {at} does not decompress")
            }
        }
    }
}

/// Why a batch could not be read: the bytes are no batch, or the file failed.
#[derive(Debug)]
pub(super) enum Unread {
    Flaw(Flaw),
    File(ScanDamage),
}

impl Unread {
    pub(super) fn flaw(at: u64, kind: FlawKind) -> Self {
        Self::Flaw(Flaw { at, kind })
    }
}

impl From<ScanDamage> for Unread {
    fn from(damage: ScanDamage) -> Self {
        Self::File(damage)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum ValueKind {
    Value,
    Tombstone,
    WeakTombstone,
}

/// The head of an item; key and stored value follow it in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemHead {
    pub(super) kind: ValueKind,
    pub(super) compressed: bool,
    pub(super) keyspace: u64,
    pub(super) key_len: usize,
    pub(super) plain_len: usize,
    pub(super) stored_len: usize,
    /// Where the key begins.
    pub(super) body: u64,
}

pub(super) enum Entry {
    Start { items: u32, seqno: u64 },
    Item(ItemHead),
    End { checksum: u64 },
    Clear { keyspace: u64 },
}

/// The entry at `at`, without its key and value, and where the next one begins.
pub(super) fn read_entry(window: &mut FileWindow, at: u64) -> Result<(Entry, u64), Unread> {
    let tag = head(window, at, 1)?.u8();
    let entry = match tag {
        Some(START_TAG) => read_start(head(window, at, START_LEN)?),
        Some(ITEM_TAG) => return read_item(window, at),
        Some(END_TAG) => return read_end(window, at),
        Some(CLEAR_TAG) => read_clear(head(window, at, CLEAR_LEN)?),
        Some(tag) => return Err(Unread::flaw(at, FlawKind::UnknownTag(tag))),
        None => None,
    };
    entry
        .ok_or(Unread::flaw(at, FlawKind::CutOff))
        .map(|(entry, len)| (entry, at + len as u64))
}

fn head(window: &mut FileWindow, at: u64, len: usize) -> Result<Fields<'_>, Unread> {
    match window.bytes(at, len)? {
        Some(bytes) => Ok(Fields::of(bytes)),
        None => Err(Unread::flaw(at, FlawKind::CutOff)),
    }
}

fn read_start(mut fields: Fields<'_>) -> Option<(Entry, usize)> {
    fields.u8()?;
    Some((
        Entry::Start {
            items: fields.u32()?,
            seqno: fields.u64()?,
        },
        START_LEN,
    ))
}

fn read_clear(mut fields: Fields<'_>) -> Option<(Entry, usize)> {
    fields.u8()?;
    Some((
        Entry::Clear {
            keyspace: fields.u64()?,
        },
        CLEAR_LEN,
    ))
}

fn read_end(window: &mut FileWindow, at: u64) -> Result<(Entry, u64), Unread> {
    let mut fields = head(window, at, END_LEN)?;
    fields.u8();
    match (fields.u64(), fields.bytes(END_MAGIC.len())) {
        (Some(checksum), Some(magic)) if magic == END_MAGIC => {
            Ok((Entry::End { checksum }, at + END_LEN as u64))
        }
        _ => Err(Unread::flaw(at, FlawKind::EndWithoutMagic)),
    }
}

fn read_item(window: &mut FileWindow, at: u64) -> Result<(Entry, u64), Unread> {
    let file_len = window.len();
    let fields =
        item_fields(head(window, at, ITEM_HEAD_LEN)?).ok_or(Unread::flaw(at, FlawKind::CutOff))?;
    let item = ItemHead {
        kind: match fields.kind {
            0 => ValueKind::Value,
            1 => ValueKind::Tombstone,
            2 => ValueKind::WeakTombstone,
            // 4, a pointer into a blob file, exists in tables only; fjall's replay panics on it
            other => return Err(Unread::flaw(at, FlawKind::UnknownValueKind(other))),
        },
        compressed: match fields.compression {
            0 => false,
            1 => true,
            other => return Err(Unread::flaw(at, FlawKind::UnknownCompression(other))),
        },
        keyspace: fields.keyspace,
        key_len: usize::from(fields.key_len),
        plain_len: fields.plain_len as usize,
        stored_len: fields.stored_len as usize,
        body: at + ITEM_HEAD_LEN as u64,
    };
    let next = item.body + u64::from(fields.key_len) + u64::from(fields.stored_len);
    if next > file_len {
        return Err(Unread::flaw(at, FlawKind::CutOff));
    }
    Ok((Entry::Item(item), next))
}

struct ItemFields {
    kind: u8,
    compression: u8,
    keyspace: u64,
    key_len: u16,
    plain_len: u32,
    stored_len: u32,
}

fn item_fields(mut fields: Fields<'_>) -> Option<ItemFields> {
    fields.u8()?;
    Some(ItemFields {
        kind: fields.u8()?,
        compression: fields.u8()?,
        keyspace: fields.u64()?,
        key_len: fields.u16()?,
        plain_len: fields.u32()?,
        stored_len: fields.u32()?,
    })
}
