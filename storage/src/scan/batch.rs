use super::damage::ScanDamage;
use super::entry::{Entry, FlawKind, ItemHead, START_LEN, Unread, ValueKind, read_entry};
use super::window::FileWindow;

/// One change of a whole batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalItem<'a> {
    /// The number of the keyspace; [`TableReport::keyspace_name`](super::TableReport) names it.
    pub keyspace: u64,
    /// What happens there.
    pub change: Change<'a>,
}

/// See [`JournalItem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// The key gets the value (decompressed).
    Insert {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// The key loses its value.
    Remove {
        /// The key.
        key: &'a [u8],
    },
    /// The key loses its one value; fjall forgets the removal when both meet.
    RemoveWeak {
        /// The key.
        key: &'a [u8],
    },
    /// The keyspace loses all its keys.
    Clear,
}

/// Where a whole batch lies; made by [`read_whole`] alone, so its checksum has been compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) seqno: u64,
    pub(super) items: u32,
}

/// The whole batch that starts at `at`: its entries follow one another up to an end entry, their
/// number and checksum are right, and its values decompress.
pub(super) fn read_whole(window: &mut FileWindow, at: u64) -> Result<Span, Unread> {
    let frame = read_frame(window, at)?;
    let found = window
        .hash(at + START_LEN as u64, frame.end_entry)?
        .digest();
    if found != frame.checksum {
        let kind = FlawKind::Checksum {
            expected: frame.checksum,
            found,
        };
        return Err(Unread::flaw(frame.span.end, kind));
    }
    if frame.compressed {
        read_items(window, frame.span, &mut |_| {})?;
    }
    Ok(frame.span)
}

/// A batch whose entries fit together, before its checksum has been compared.
struct Frame {
    span: Span,
    end_entry: u64,
    checksum: u64,
    compressed: bool,
}

const RESERVED_SEQNOS: u64 = 1 << 63;

/// Hops from entry to entry without touching keys and values.
fn read_frame(window: &mut FileWindow, start: u64) -> Result<Frame, Unread> {
    let (first, mut at) = read_entry(window, start)?;
    let Entry::Start {
        items: expected,
        seqno,
    } = first
    else {
        return Err(Unread::flaw(start, FlawKind::NoStart));
    };
    if seqno >= RESERVED_SEQNOS {
        return Err(Unread::flaw(start, FlawKind::ReservedSeqno(seqno)));
    }
    let mut found = 0_u32;
    let mut compressed = false;
    loop {
        let (entry, next) = read_entry(window, at)?;
        match entry {
            Entry::Start { .. } => return Err(Unread::flaw(at, FlawKind::StartInsideBatch)),
            Entry::End { checksum } if found == expected => {
                let span = Span {
                    start,
                    end: next,
                    seqno,
                    items: found,
                };
                return Ok(Frame {
                    span,
                    end_entry: at,
                    checksum,
                    compressed,
                });
            }
            Entry::End { .. } => {
                return Err(Unread::flaw(at, FlawKind::ItemCount { expected, found }));
            }
            Entry::Item(_) | Entry::Clear { .. } if found == expected => {
                let found = found.saturating_add(1);
                return Err(Unread::flaw(at, FlawKind::ItemCount { expected, found }));
            }
            Entry::Item(item) => compressed |= item.compressed,
            Entry::Clear { .. } => {}
        }
        found += 1;
        at = next;
    }
}

/// Shows every item of a whole batch, in order. Memory: the largest item and its plain value.
pub(super) fn read_items(
    window: &mut FileWindow,
    batch: Span,
    visit: &mut dyn FnMut(JournalItem<'_>),
) -> Result<(), Unread> {
    let mut at = batch.start + START_LEN as u64;
    let mut plain = Vec::new();
    for _ in 0..batch.items {
        let (entry, next) = read_entry(window, at)?;
        match entry {
            Entry::Item(item) => {
                let body = window.bytes(item.body, item.key_len + item.stored_len)?;
                let change = body.and_then(|body| change(item, body, &mut plain));
                let change = change.ok_or(Unread::flaw(at, FlawKind::Decompression))?;
                visit(JournalItem {
                    keyspace: item.keyspace,
                    change,
                });
            }
            Entry::Clear { keyspace } => visit(JournalItem {
                keyspace,
                change: Change::Clear,
            }),
            // read_frame has seen neither inside this batch: the file changes under our eyes
            Entry::Start { .. } | Entry::End { .. } => {
                return Err(Unread::flaw(at, FlawKind::NoStart));
            }
        }
        at = next;
    }
    Ok(())
}

fn change<'a>(item: ItemHead, body: &'a [u8], plain: &'a mut Vec<u8>) -> Option<Change<'a>> {
    let (key, stored) = body.split_at_checked(item.key_len)?;
    Some(match item.kind {
        ValueKind::Value if item.compressed => {
            decompress(stored, item.plain_len, plain)?;
            Change::Insert { key, value: plain }
        }
        ValueKind::Value => Change::Insert { key, value: stored },
        ValueKind::Tombstone => Change::Remove { key },
        ValueKind::WeakTombstone => Change::RemoveWeak { key },
    })
}

/// An LZ4 block never grows by more than this factor, so a larger plain length is no length.
const LZ4_GREATEST_RATIO: usize = 255;

fn decompress(stored: &[u8], plain_len: usize, plain: &mut Vec<u8>) -> Option<()> {
    if plain_len / LZ4_GREATEST_RATIO > stored.len() {
        return None;
    }
    plain.resize(plain_len, 0);
    let written = lz4_flex::block::decompress_into(stored, plain).ok()?;
    (written == plain_len).then_some(())
}

impl Unread {
    /// The error of the file, for batches that were whole a moment ago.
    pub(super) fn into_damage(self, window: &FileWindow) -> ScanDamage {
        match self {
            Self::File(damage) => damage,
            Self::Flaw(flaw) => {
                ScanDamage::malformed(window.path(), "a batch that was whole before", flaw.at)
            }
        }
    }
}
