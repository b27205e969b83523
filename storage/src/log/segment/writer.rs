use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;

use super::SEGMENT_BYTES;
use super::file::{self, HEADER_BYTES, Seal, SegmentFile, list};
use super::reader::Location;
use super::scan::Tail;
use crate::scan::{ScanDamage, cut};

/// Zeros that are written behind a small frame. A sync of bytes that overwrite others need not
/// wait for the file system to write down a new length, which costs as much again.
static RESERVED: [u8; 128 * 1024] = [0; 128 * 1024];
/// Frames from this size on reserve nothing: what the length costs is little beside them.
const LARGE_FRAME_BYTES: usize = 16 * 1024;

/// Makes the log of a new folder.
pub(crate) fn create_first(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    file::create(folder, CommitNumber(1)).map(drop)
}

/// Makes a log one that can be gone on with: without the frame that a crash has cut short, and
/// without what it has left of a segment in the making.
pub(crate) fn mend_segments(folder: &Path, tail: &Tail) -> Result<(), ScanDamage> {
    if let Tail::Torn { path, at } = tail {
        cut_after(folder, path, *at)?;
    }
    file::remove_unfinished(folder)?;
    if list(folder)?.is_empty() {
        create_first(folder).map_err(|error| ScanDamage::io(folder, error))?;
    }
    Ok(())
}

/// Leaves nothing of a log from a byte of one of its segments on. Not for a log that somebody
/// writes to.
pub(crate) fn cut_after(folder: &Path, segment: &Path, at: u64) -> Result<(), ScanDamage> {
    file::remove_unfinished(folder)?;
    let segments = list(folder)?;
    let from = segments.iter().find(|known| known.path == segment);
    let Some(from) = from.map(|segment| segment.first) else {
        return Ok(());
    };
    let without_header = at < HEADER_BYTES as u64;
    let is_first = segments.first().is_some_and(|first| first.first == from);
    for later in segments.iter().rev().filter(|known| known.first >= from) {
        let cut = if later.first > from || without_header {
            fs::remove_file(&later.path)
        } else {
            cut(&later.path, at)
        };
        cut.map_err(|error| ScanDamage::io(&later.path, error))?;
    }
    let sync = || {
        if without_header {
            let first = if is_first { CommitNumber(1) } else { from };
            file::create(folder, first)?;
        }
        File::open(folder)?.sync_all()
    };
    sync().map_err(|error| ScanDamage::io(folder, error))
}

/// Writes anew what stands around the frames of a segment that another one follows: its header,
/// and behind its last frame its seal.
pub(crate) fn restore_edges(
    segment: &SegmentFile,
    end: u64,
    last: CommitNumber,
) -> Result<(), ScanDamage> {
    let restore = || {
        let file = OpenOptions::new().write(true).open(&segment.path)?;
        file.write_all_at(&file::encode_header(segment.first), 0)?;
        let position = end;
        seal(&file, Seal { last, position })
    };
    restore().map_err(|error| ScanDamage::io(&segment.path, error))
}

/// Ends a file with its seal.
fn seal(file: &File, seal: Seal) -> io::Result<()> {
    let bytes = seal.encode();
    file.write_all_at(&bytes, seal.position)?;
    file.set_len(seal.position + bytes.len() as u64)?;
    file.sync_all()
}

/// Appends frames to the newest segment, and begins the next one when that is full.
pub(crate) struct SegmentWriter {
    folder: PathBuf,
    segment: SegmentFile,
    file: File,
    /// Where the next frame begins.
    position: u64,
    /// Up to where the file holds zeros that a sync has to find no place for.
    reserved: u64,
}

impl SegmentWriter {
    /// Goes on with a segment from a byte on, behind which the file holds zeros at most.
    pub(crate) fn open(folder: &Path, segment: CommitNumber, position: u64) -> io::Result<Self> {
        let path = file::path_of(folder, segment);
        let file = OpenOptions::new().write(true).open(&path)?;
        let reserved = file.metadata()?.len().max(position);
        Ok(Self {
            folder: folder.to_path_buf(),
            segment: SegmentFile {
                first: segment,
                path,
            },
            file,
            position,
            reserved,
        })
    }

    /// Where the next frame begins: its batch has this number.
    pub(crate) const fn end(&self, commit: CommitNumber) -> Location {
        Location {
            commit,
            segment: self.segment.first,
            position: self.position,
        }
    }

    /// Writes a frame and waits until the disk has it. Answers with where it lies.
    pub(crate) fn append(&mut self, commit: CommitNumber, frame: &[u8]) -> io::Result<Location> {
        let location = self.place(commit, frame)?;
        let end = location.position + frame.len() as u64;
        if end > self.reserved {
            self.reserved = end;
            if frame.len() < LARGE_FRAME_BYTES {
                self.file.write_all_at(&RESERVED, end)?;
                self.reserved += RESERVED.len() as u64;
            }
        }
        self.file.sync_data()?;
        self.position = end;
        Ok(location)
    }

    /// Writes a frame of a log that is being made, and that counts for nobody before its folder is
    /// synced as a whole. Answers with where the next one begins.
    pub(crate) fn put(&mut self, commit: CommitNumber, frame: &[u8]) -> io::Result<Location> {
        let location = self.place(commit, frame)?;
        let next = location.after(frame.len() as u64);
        self.position = next.position;
        self.reserved = self.reserved.max(next.position);
        Ok(next)
    }

    fn place(&mut self, commit: CommitNumber, frame: &[u8]) -> io::Result<Location> {
        if self.position >= SEGMENT_BYTES {
            self.begin_segment(commit)?;
        }
        self.file.write_all_at(frame, self.position)?;
        Ok(Location {
            commit,
            segment: self.segment.first,
            position: self.position,
        })
    }

    /// Order: the old segment is sealed before the new one has a name, so that only the newest
    /// may be without a seal.
    fn begin_segment(&mut self, first: CommitNumber) -> io::Result<()> {
        let last = CommitNumber(first.0.saturating_sub(1));
        let position = self.position;
        seal(&self.file, Seal { last, position })?;
        let segment = file::create(&self.folder, first)?;
        self.file = OpenOptions::new().write(true).open(&segment.path)?;
        self.segment = segment;
        self.position = HEADER_BYTES as u64;
        self.reserved = self.position;
        Ok(())
    }
}
