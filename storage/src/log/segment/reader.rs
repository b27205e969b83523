use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everlog_domain::ids::CommitNumber;
use parking_lot::Mutex;
use thiserror::Error;

use super::file::{HEADER_BYTES, SEAL_BYTES, Seal, list, path_of};
use super::frame::{FrameHead, FrameHeader, MAX_FRAME_BYTES};
use crate::scan::ScanDamage;

/// Bytes that are read of a frame at first: the heads of most frames are shorter.
const HEAD_BYTES: usize = 4 * 1024;
/// Segments that are kept open.
const OPEN_SEGMENTS: usize = 128;

/// Where a frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) commit: CommitNumber,
    /// The first batch of the segment, which names it.
    pub(crate) segment: CommitNumber,
    /// Where the frame begins in it, in bytes.
    pub(crate) position: u64,
}

/// Why a frame does not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}, byte {at}: {reason}", path.display())]
pub(crate) struct ReadError {
    path: PathBuf,
    at: u64,
    reason: String,
}

/// The segments of a folder, for reading. What has been written once does not change, so nothing
/// here waits for the writer.
pub(crate) struct Segments {
    folder: PathBuf,
    open: Mutex<HashMap<CommitNumber, Arc<File>>>,
}

/// A frame with all of its bytes, each of which has been compared with a checksum.
pub(crate) struct WholeFrame {
    pub(crate) at: Location,
    pub(crate) head: FrameHead,
    pub(crate) bytes: Vec<u8>,
}

impl WholeFrame {
    /// The bytes of the n-th event.
    pub(crate) fn event(&self, n: usize) -> Option<&[u8]> {
        let (from, to) = self.head.event(n)?;
        let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
        self.bytes.get(range)
    }

    /// Where the next frame begins.
    pub(crate) fn next(&self) -> Location {
        self.at.after(self.head.bytes)
    }
}

/// What begins at a place of a segment.
enum Begins {
    Frame(FrameHead),
    /// The segment is full: the next one begins with this batch.
    Next(CommitNumber),
    Nothing,
}

impl Segments {
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            open: Mutex::default(),
        }
    }

    /// Where the first frame of the log lies, or will.
    pub(crate) fn start(&self) -> Result<Location, ScanDamage> {
        let first = list(&self.folder)?.first().map(|segment| segment.first);
        Ok(Location::beginning(first.unwrap_or(CommitNumber(1))))
    }

    /// The frame at a place, or behind the seal at that place. Answers with where it lies, and
    /// with where the next one begins; with the place alone where the log ends.
    pub(crate) fn frame_at(
        &self,
        mut at: Location,
    ) -> Result<(Location, Option<FrameHead>), ReadError> {
        loop {
            match self.begins(at)? {
                Begins::Frame(head) if head.commit == at.commit => return Ok((at, Some(head))),
                Begins::Frame(head) => {
                    let reason = format!("expected batch {}, found {}", at.commit, head.commit);
                    return Err(self.error(at, &reason));
                }
                Begins::Next(first) if first == at.commit => {
                    // it is made after the seal
                    if !path_of(&self.folder, first).exists() {
                        return Ok((at, None));
                    }
                    at = Location::beginning(first);
                }
                Begins::Next(first) => {
                    let before = CommitNumber(first.0.saturating_sub(1));
                    let reason = format!("the segment is sealed after batch {before}");
                    return Err(self.error(at, &reason));
                }
                Begins::Nothing => return Ok((at, None)),
            }
        }
    }

    /// The whole frame at a place, or behind the seal at that place; `None` where the log ends.
    pub(crate) fn whole_frame(&self, at: Location) -> Result<Option<WholeFrame>, ReadError> {
        let (at, Some(head)) = self.frame_at(at)? else {
            return Ok(None);
        };
        if head.bytes > MAX_FRAME_BYTES {
            return Err(self.error(at, &"the frame is longer than any is written"));
        }
        // bounded by what a frame may have
        let mut bytes = vec![0; usize::try_from(head.bytes).unwrap_or(usize::MAX)];
        self.file(at)?
            .read_exact_at(&mut bytes, at.position)
            .map_err(|error| self.error(at, &error))?;
        if FrameHead::whole(&bytes).as_ref() != Some(&head) {
            return Err(self.error(at, &"an event's bytes are not those that were written"));
        }
        Ok(Some(WholeFrame { at, head, bytes }))
    }

    /// The bytes of an event and of some that follow it.
    pub(crate) fn events(
        &self,
        at: Location,
        head: &FrameHead,
        first: usize,
        last: usize,
    ) -> Result<Events, ReadError> {
        let place = |n| {
            head.event(n)
                .ok_or_else(|| self.error(at, &"it has fewer events"))
        };
        let ((from, _), (_, to)) = (place(first)?, place(last)?);
        // bounded by the frame, which was in memory once
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
        let file = self.file(at)?;
        file.read_exact_at(&mut bytes, at.position + from)
            .map_err(|error| self.error(at, &error))?;
        Ok(Events { from, bytes })
    }

    /// That a frame is not where the index says.
    pub(crate) fn missing(&self, at: Location) -> ReadError {
        self.error(at, &format!("batch {} is missing", at.commit))
    }

    fn begins(&self, at: Location) -> Result<Begins, ReadError> {
        let file = self.file(at)?;
        let mut bytes = vec![0; HEAD_BYTES];
        let read = read_up_to(&file, &mut bytes, at.position);
        bytes.truncate(read.map_err(|error| self.error(at, &error))?);
        let Some(header) = FrameHeader::read(&bytes) else {
            return self.ends(at, &bytes);
        };
        let head_bytes = usize::try_from(header.head_bytes()).unwrap_or(usize::MAX);
        if head_bytes > bytes.len() {
            self.read_rest(&file, at, &mut bytes, head_bytes)?;
        }
        let head = header.head(&bytes);
        head.map(Begins::Frame)
            .ok_or_else(|| self.error(at, &"the frame has another checksum than its header says"))
    }

    fn read_rest(
        &self,
        file: &File,
        at: Location,
        bytes: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), ReadError> {
        let in_file = file
            .metadata()
            .map_err(|error| self.error(at, &error))?
            .len();
        if at.position + length as u64 > in_file {
            return Err(self.error(at, &"the frame is longer than its file"));
        }
        let have = bytes.len();
        bytes.resize(length, 0);
        let rest = file.read_exact_at(&mut bytes[have..], at.position + have as u64);
        rest.map_err(|error| self.error(at, &error))
    }

    /// There is no frame: the log ends, or the segment does.
    fn ends(&self, at: Location, bytes: &[u8]) -> Result<Begins, ReadError> {
        let seal = Seal::decode(bytes).filter(|seal| seal.position == at.position);
        match seal {
            Some(seal) if bytes.len() == SEAL_BYTES => Ok(Begins::Next(seal.last.next())),
            Some(_) => Err(self.error(at, &"bytes follow the seal")),
            None if bytes.iter().all(|byte| *byte == 0) => Ok(Begins::Nothing),
            None => Err(self.error(at, &"expected a frame, found bytes that are none")),
        }
    }

    fn file(&self, at: Location) -> Result<Arc<File>, ReadError> {
        let mut open = self.open.lock();
        if let Some(file) = open.get(&at.segment) {
            return Ok(Arc::clone(file));
        }
        let file = File::open(path_of(&self.folder, at.segment));
        let file = Arc::new(file.map_err(|error| self.error(at, &error))?);
        if open.len() >= OPEN_SEGMENTS {
            open.clear();
        }
        open.insert(at.segment, Arc::clone(&file));
        Ok(file)
    }

    fn error(&self, at: Location, reason: &dyn std::fmt::Display) -> ReadError {
        ReadError {
            path: path_of(&self.folder, at.segment),
            at: at.position,
            reason: reason.to_string(),
        }
    }
}

/// Events that were read at once.
pub(crate) struct Events {
    /// Where their bytes begin in the frame.
    from: u64,
    bytes: Vec<u8>,
}

impl Events {
    /// Whether the n-th event of the frame was read.
    pub(crate) fn has(&self, head: &FrameHead, n: usize) -> bool {
        self.bytes_of(head, n).is_some()
    }

    /// The n-th event of the frame, if it was read and has the bytes that were written.
    pub(crate) fn get(&self, head: &FrameHead, n: usize) -> Option<&[u8]> {
        let bytes = self.bytes_of(head, n)?;
        head.is_event(n, bytes).then_some(bytes)
    }

    fn bytes_of(&self, head: &FrameHead, n: usize) -> Option<&[u8]> {
        let (from, to) = head.event(n)?;
        let from = usize::try_from(from.checked_sub(self.from)?).ok()?;
        let to = usize::try_from(to.checked_sub(self.from)?).ok()?;
        self.bytes.get(from..to)
    }
}

impl Location {
    /// Where the first frame of a segment begins.
    pub(crate) const fn beginning(segment: CommitNumber) -> Self {
        Self {
            commit: segment,
            segment,
            position: HEADER_BYTES as u64,
        }
    }

    /// Where the next frame begins, unless the segment ends there.
    pub(crate) const fn after(self, frame_bytes: u64) -> Self {
        Self {
            commit: self.commit.next(),
            segment: self.segment,
            position: self.position + frame_bytes,
        }
    }
}

fn read_up_to(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(some) => read += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
