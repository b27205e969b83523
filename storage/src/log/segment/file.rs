use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;
use xxhash_rust::xxh3::xxh3_64;

use crate::scan::{Defect, ScanDamage};

const SEGMENT_MAGIC: &[u8; 8] = b"EvLogSg1";
const SEAL_MAGIC: &[u8; 4] = b"EvS1";
const ENDING: &str = "segment";
/// Of a segment whose making was cut short.
const UNFINISHED: &str = "new";

/// Bytes of a segment's header.
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes of a seal.
pub(super) const SEAL_BYTES: usize = 28;

/// A file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) first: CommitNumber,
    pub(crate) path: PathBuf,
}

/// What the last bytes of a full segment say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) last: CommitNumber,
    /// Bytes of the segment before the seal.
    pub(super) position: u64,
}

pub(super) fn path_of(folder: &Path, first: CommitNumber) -> PathBuf {
    folder.join(format!("{:020}.{ENDING}", first.0))
}

/// The segments of a folder, in order.
///
/// # Errors
/// Where the folder cannot be read, or holds a file that is none of the log's.
pub(crate) fn list(folder: &Path) -> Result<Vec<SegmentFile>, ScanDamage> {
    let mut files = Vec::new();
    each(folder, &mut |path| {
        if is_unfinished(&path) {
            return Ok(());
        }
        let first = first_in_name(&path).ok_or_else(|| {
            let expected = "files named by a batch, such as 00000000000000000001.segment";
            ScanDamage::new(&path, Defect::Stray { expected })
        })?;
        files.push(SegmentFile { first, path });
        Ok(())
    })?;
    files.sort_unstable_by_key(|file| file.first);
    Ok(files)
}

/// Removes segments whose making was cut short.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), ScanDamage> {
    each(folder, &mut |path| {
        if !is_unfinished(&path) {
            return Ok(());
        }
        fs::remove_file(&path).map_err(|error| ScanDamage::io(&path, error))
    })
}

fn each(
    folder: &Path,
    visit: &mut dyn FnMut(PathBuf) -> Result<(), ScanDamage>,
) -> Result<(), ScanDamage> {
    let unreadable = |error| ScanDamage::io(folder, error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        visit(entry.map_err(unreadable)?.path())?;
    }
    Ok(())
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == UNFINISHED)
}

fn first_in_name(path: &Path) -> Option<CommitNumber> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_suffix(ENDING)?.strip_suffix('.')?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let first = is_number.then(|| digits.parse().ok())??;
    (first > 0).then_some(CommitNumber(first))
}

/// Makes a segment without frames. Its name appears with its header, or not at all.
pub(super) fn create(folder: &Path, first: CommitNumber) -> io::Result<SegmentFile> {
    let path = path_of(folder, first);
    let new = path.with_extension(UNFINISHED);
    let mut file = File::create(&new)?;
    file.write_all(&encode_header(first))?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(SegmentFile { first, path })
}

pub(super) fn encode_header(first: CommitNumber) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(SEGMENT_MAGIC);
    bytes[8..16].copy_from_slice(&first.0.to_be_bytes());
    let checksum = xxh3_64(&bytes[..16]);
    bytes[16..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// Whether bytes begin with the header of this segment.
pub(super) fn has_header(bytes: &[u8], first: CommitNumber) -> bool {
    bytes.starts_with(&encode_header(first))
}

impl Seal {
    pub(super) fn encode(self) -> [u8; SEAL_BYTES] {
        let mut bytes = [0; SEAL_BYTES];
        bytes[..4].copy_from_slice(SEAL_MAGIC);
        bytes[4..12].copy_from_slice(&self.last.0.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.position.to_be_bytes());
        let checksum = xxh3_64(&bytes[..20]);
        bytes[20..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.first_chunk::<SEAL_BYTES>()?.split_last_chunk::<8>()?;
        if xxh3_64(body) != u64::from_be_bytes(*checksum) {
            return None;
        }
        let (last, position) = body.strip_prefix(SEAL_MAGIC)?.split_first_chunk::<8>()?;
        Some(Self {
            last: CommitNumber(u64::from_be_bytes(*last)),
            position: u64::from_be_bytes(position.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_name_a_segment() {
        let named = |name: &str| first_in_name(Path::new(name));
        let path = path_of(Path::new("log"), CommitNumber(17));
        assert_eq!(first_in_name(&path), Some(CommitNumber(17)));
        for name in [
            "17.segment",
            "00000000000000000000.segment",
            "+0000000000000000017.segment",
            "00000000000000000017.jnl",
            "00000000000000000017",
            "99999999999999999999.segment",
        ] {
            assert_eq!(named(name), None, "{name}");
        }
    }

    #[test]
    fn a_seal_with_another_bit_is_none() {
        let seal = Seal {
            last: CommitNumber(9),
            position: 1 << 26,
        };
        let bytes = seal.encode();
        assert_eq!(Seal::decode(&bytes), Some(seal));
        for at in 0..SEAL_BYTES {
            let mut other = bytes;
            other[at] ^= 1;
            assert_eq!(Seal::decode(&other), None, "byte {at}");
        }
    }
}
