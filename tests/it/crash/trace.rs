//! The trace that `tests/power_loss/shim.c` leaves, read back.

use std::path::Path;

/// The operation's letter, flags, two path lengths, two bytes of padding, inode, offset, length.
const HEADER: usize = 32;

/// What one call did. Paths are relative to the watched folder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation<'a> {
    Create {
        inode: u64,
        path: &'a str,
    },
    MakeFolder {
        inode: u64,
        path: &'a str,
    },
    /// `durable`: through a descriptor opened with `O_DSYNC`.
    Write {
        inode: u64,
        offset: u64,
        data: &'a [u8],
        durable: bool,
    },
    Resize {
        inode: u64,
        size: u64,
    },
    Zero {
        inode: u64,
        offset: u64,
        length: u64,
    },
    Rename {
        from: &'a str,
        to: &'a str,
    },
    Link {
        from: &'a str,
        to: &'a str,
    },
    Remove {
        path: &'a str,
    },
    SyncBegin {
        inode: u64,
    },
    /// What stands before the place `begun` is durable from here on.
    SyncEnd {
        inode: u64,
        begun: u64,
    },
    /// The sync said that it failed, and settled nothing.
    SyncFailed {
        inode: u64,
    },
}

/// One operation and its place: the bytes of the trace from `begins` up to `ends`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) begins: u64,
    pub(super) ends: u64,
    pub(super) operation: Operation<'a>,
}

pub(super) struct Trace {
    bytes: Vec<u8>,
}

impl Trace {
    pub(super) fn load(path: &Path) -> Self {
        let bytes = std::fs::read(path)
            .unwrap_or_else(|error| panic!("the trace {}: {error}", path.display()));
        Self { bytes }
    }

    /// The records in the order of the calls. A record cut short by a kill ends the trace.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut place = 0;
        std::iter::from_fn(move || {
            let begins = place;
            let operation = read_operation(&self.bytes, &mut place)?;
            Some(Record {
                begins: begins as u64,
                ends: place as u64,
                operation,
            })
        })
    }
}

fn read_operation<'a>(bytes: &'a [u8], place: &mut usize) -> Option<Operation<'a>> {
    let header = take(bytes, place, HEADER)?;
    let short = |at: usize| usize::from(u16::from_ne_bytes([header[at], header[at + 1]]));
    let long =
        |at: usize| u64::from_ne_bytes(header[at..at + 8].try_into().expect("eight bytes of 32"));
    let (inode, offset, length) = (long(8), long(16), long(24));
    let from = text(take(bytes, place, short(2))?);
    let to = text(take(bytes, place, short(4))?);
    Some(match header[0] {
        b'C' => Operation::Create { inode, path: from },
        b'D' => Operation::MakeFolder { inode, path: from },
        b'W' => {
            let data = take(
                bytes,
                place,
                usize::try_from(length).expect("a write fits in memory"),
            )?;
            Operation::Write {
                inode,
                offset,
                data,
                durable: header[1] == 1,
            }
        }
        b'T' => Operation::Resize {
            inode,
            size: offset,
        },
        b'Z' => Operation::Zero {
            inode,
            offset,
            length,
        },
        b'R' => Operation::Rename { from, to },
        b'L' => Operation::Link { from, to },
        b'U' => Operation::Remove { path: from },
        b'B' => Operation::SyncBegin { inode },
        b'E' => Operation::SyncEnd {
            inode,
            begun: offset,
        },
        b'F' => Operation::SyncFailed { inode },
        b'?' => panic!("the process did what the power-loss model does not know: {from}"),
        other => panic!("the trace holds an unknown operation {other} at byte {place}"),
    })
}

fn take<'a>(bytes: &'a [u8], place: &mut usize, length: usize) -> Option<&'a [u8]> {
    let part = bytes.get(*place..*place + length)?;
    *place += length;
    Some(part)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("paths in a data folder are UTF-8")
}
