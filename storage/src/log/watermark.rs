//! The witness beside the log: the newest batch that was acknowledged. It is written after the
//! sync of the batch and not synced itself, so it may be behind the log but is never ahead of what
//! was durable: a log whose head is behind it has lost history.
//!
//! Two slots in pages of their own, written in turn, so that a torn write leaves the other. A slot:
//! magic (8), commit (u64), batches of the key store (u64), number of entries (u64), then for each
//! entry project (u64), last offset (u64), head hash (32), and at its end XXH3-128 of all before.
//! Big-endian.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::Manifest;
use xxhash_rust::xxh3::xxh3_128;

use crate::take::{number, take};

const MAGIC: &[u8; 8] = b"evlgmrk1";
const SLOT_BYTES: usize = 1024;
/// Slots lie in pages of their own, in bytes.
const SLOT_STRIDE: u64 = 4096;
const SLOTS: u64 = 2;
const CHECKSUM_BYTES: usize = 16;
/// Entries of a manifest that are kept; the first where there are more.
const ENTRIES: usize = 16;

/// How far a project had got in the newest acknowledged batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MarkEntry {
    pub(crate) project: ProjectNumber,
    pub(crate) last: Offset,
    pub(crate) head: Hash,
}

/// What the witness says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) commit: CommitNumber,
    /// Batches that the key store held.
    pub(crate) key_batches: u64,
    pub(crate) entries: Vec<MarkEntry>,
}

impl Mark {
    pub(crate) fn of(manifest: &Manifest, key_batches: u64) -> Self {
        let entries = manifest.entries.iter().take(ENTRIES);
        Self {
            commit: manifest.commit,
            key_batches,
            entries: entries
                .map(|entry| MarkEntry {
                    project: entry.project,
                    last: entry.last,
                    head: entry.head,
                })
                .collect(),
        }
    }

    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = Vec::with_capacity(SLOT_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.commit.0.to_be_bytes());
        bytes.extend_from_slice(&self.key_batches.to_be_bytes());
        let entries = self.entries.get(..ENTRIES).unwrap_or(&self.entries);
        bytes.extend((entries.len() as u64).to_be_bytes());
        for entry in entries {
            bytes.extend_from_slice(&entry.project.0.to_be_bytes());
            bytes.extend_from_slice(&entry.last.0.to_be_bytes());
            bytes.extend_from_slice(entry.head.as_bytes());
        }
        bytes.resize(SLOT_BYTES - CHECKSUM_BYTES, 0);
        let checksum = xxh3_128(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        let mut slot = [0; SLOT_BYTES];
        slot.copy_from_slice(&bytes);
        slot
    }

    fn decode(slot: &[u8; SLOT_BYTES]) -> Option<Self> {
        let (body, checksum) = slot.split_last_chunk::<CHECKSUM_BYTES>()?;
        if xxh3_128(body) != u128::from_be_bytes(*checksum) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let commit = CommitNumber(number(&mut rest)?);
        let key_batches = number(&mut rest)?;
        let count = usize::try_from(number(&mut rest)?).ok()?;
        if count > ENTRIES {
            return None;
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(MarkEntry {
                project: ProjectNumber(number(&mut rest)?),
                last: Offset(number(&mut rest)?),
                head: Hash::from_bytes(take(&mut rest)?),
            });
        }
        Some(Self {
            commit,
            key_batches,
            entries,
        })
    }
}

/// The witness's file, open for writing.
pub(crate) struct Watermark {
    file: File,
}

impl Watermark {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self { file })
    }

    /// Not synced: a sync would cost as much as the batch's own.
    pub(crate) fn write(&self, mark: &Mark) -> io::Result<()> {
        let slot = mark.commit.0 % SLOTS;
        self.file.write_all_at(&mark.encode(), slot * SLOT_STRIDE)
    }
}

/// The newest readable slot; `None` where there is none, as before the first batch.
pub(crate) fn read_mark(path: &Path) -> io::Result<Option<Mark>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut newest: Option<Mark> = None;
    for slot in 0..SLOTS {
        let mut bytes = [0; SLOT_BYTES];
        match file.read_exact_at(&mut bytes, slot * SLOT_STRIDE) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(error),
        }
        let found = Mark::decode(&bytes);
        if found.as_ref().map(|mark| mark.commit) > newest.as_ref().map(|mark| mark.commit) {
            newest = found;
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(commit: u64, entries: u64) -> Mark {
        Mark {
            commit: CommitNumber(commit),
            key_batches: commit + 1,
            entries: (0..entries)
                .map(|number| MarkEntry {
                    project: ProjectNumber(number + 1),
                    last: Offset(commit),
                    head: Hash::of_bytes(&number.to_be_bytes()),
                })
                .collect(),
        }
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watermark");
        assert_eq!(read_mark(&path).unwrap(), None);
        let watermark = Watermark::open(&path).unwrap();
        for commit in 1..=5 {
            watermark.write(&mark(commit, 16)).unwrap();
            assert_eq!(read_mark(&path).unwrap(), Some(mark(commit, 16)));
        }
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..SLOT_BYTES {
            let mut torn = bytes.clone();
            torn[4096 + at] ^= 0x10;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(read_mark(&path).unwrap(), Some(mark(4, 16)), "byte {at}");
        }
        std::fs::write(&path, b"").unwrap();
        assert_eq!(read_mark(&path).unwrap(), None);
    }
}
