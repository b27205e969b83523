//! A look at the log's files that changes nothing.
//!
//! What ends a segment early is torn where it is the newest segment and nothing whole follows: a
//! crash cut the last frame short, and the witnesses know whether anybody was told of it. Anything
//! else is damage. Whole frames beyond damage are shown as well, so that the place of what is
//! missing can be named.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;

use super::SEGMENT_BYTES;
use super::file::{HEADER_BYTES, SEAL_BYTES, Seal, SegmentFile, has_header, list};
use super::frame::{self, FrameHead, MAX_FRAME_BYTES};
use crate::scan::{Defect, ScanDamage, Standing};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Every byte.
    Whole,
    /// The newest segments, of about so many bytes; of those before, whether they are as long as
    /// they say and follow one another.
    Newest {
        /// Bytes of the files.
        bytes: u64,
    },
}

/// A whole frame, as it lies in a file.
pub(crate) struct ScannedFrame<'a> {
    pub(crate) head: &'a FrameHead,
    pub(crate) standing: Standing,
    /// The file that holds it.
    pub(crate) file: &'a SegmentFile,
    /// Where it begins in the file.
    pub(crate) position: u64,
}

/// What the files of a folder are like.
#[derive(Debug)]
pub(crate) struct SegmentScan {
    /// The last batch of the segments that were not read whole.
    pub(crate) sealed_until: CommitNumber,
    pub(crate) tail: Tail,
}

/// How the line of frames ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Where a frame ends.
    Whole,
    /// Within a frame, or at bytes that are none, and nothing whole follows.
    Torn {
        /// The newest segment.
        path: PathBuf,
        /// Where its last whole frame ends.
        at: u64,
    },
    /// Bytes are not as they were written.
    Damaged {
        /// The segment.
        path: PathBuf,
        /// The first byte that is in no whole frame.
        at: u64,
    },
}

/// Goes through the whole frames of a folder, in the order of the files.
///
/// # Errors
/// Where a file cannot be read, or is none of the log's.
pub(crate) fn scan(
    folder: &Path,
    depth: Depth,
    visit: &mut dyn FnMut(ScannedFrame<'_>),
) -> Result<SegmentScan, ScanDamage> {
    let segments = list(folder)?;
    let unread = unread(&segments, depth)?;
    let mut walk = Walk {
        tail: Tail::Whole,
        visit,
    };
    let read = segments.get(unread.count..).unwrap_or_default();
    for (number, segment) in read.iter().enumerate() {
        walk.segment(segment, number + 1 == read.len())?;
    }
    Ok(SegmentScan {
        sealed_until: unread.last,
        tail: walk.tail,
    })
}

/// The segments at the beginning that need not be read.
struct Unread {
    count: usize,
    last: CommitNumber,
}

fn unread(segments: &[SegmentFile], depth: Depth) -> Result<Unread, ScanDamage> {
    let mut unread = Unread {
        count: 0,
        last: CommitNumber(0),
    };
    let Depth::Newest { bytes } = depth else {
        return Ok(unread);
    };
    let mut budget = bytes;
    let newest = segments.iter().rev().take_while(|segment| {
        let length = fs::metadata(&segment.path).map_or(0, |meta| meta.len());
        let fits = length <= budget;
        budget = budget.saturating_sub(length);
        fits
    });
    let most = segments.len() - newest.count().max(1).min(segments.len());
    for segment in segments.iter().take(most) {
        // One that is not as it should be is read, so that what it lacks can be named.
        match sealed(segment)? {
            Some(last) if segment.first == unread.last.next() => unread.last = last,
            _ => break,
        }
        unread.count += 1;
    }
    Ok(unread)
}

/// The last batch of a segment that is sealed and as long as its seal says.
fn sealed(segment: &SegmentFile) -> Result<Option<CommitNumber>, ScanDamage> {
    let unreadable = |error| ScanDamage::io(&segment.path, error);
    let file = File::open(&segment.path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let Some(position) = length.checked_sub(SEAL_BYTES as u64) else {
        return Ok(None);
    };
    let mut header = [0; HEADER_BYTES];
    let mut seal = [0; SEAL_BYTES];
    file.read_exact_at(&mut header, 0)
        .and_then(|()| file.read_exact_at(&mut seal, position))
        .map_err(unreadable)?;
    let seal = Seal::decode(&seal).filter(|seal| seal.position == position);
    Ok(seal
        .filter(|_| has_header(&header, segment.first))
        .map(|seal| seal.last))
}

struct Walk<'a> {
    tail: Tail,
    visit: &'a mut dyn FnMut(ScannedFrame<'_>),
}

/// How a segment ends.
enum End {
    Open,
    Sealed,
    /// At this byte begins nothing that belongs into the file.
    Broken(usize),
}

impl Walk<'_> {
    fn segment(&mut self, segment: &SegmentFile, newest: bool) -> Result<(), ScanDamage> {
        let bytes = read(segment)?;
        let end = match has_header(&bytes, segment.first) {
            true => self.frames(segment, &bytes),
            false => End::Broken(0),
        };
        let broken = match end {
            End::Open if !newest => Some(bytes.len()),
            End::Open | End::Sealed => None,
            End::Broken(at) => Some(at),
        };
        let Some(at) = broken else { return Ok(()) };
        let torn = newest && at > 0 && self.tail == Tail::Whole;
        let beyond = self.beyond(segment, &bytes, at);
        if torn && !beyond {
            self.tail = Tail::Torn {
                path: segment.path.clone(),
                at: at as u64,
            };
        } else {
            self.damage(segment, at);
        }
        Ok(())
    }

    /// The first damage counts.
    fn damage(&mut self, segment: &SegmentFile, at: usize) {
        if self.tail == Tail::Whole {
            self.tail = Tail::Damaged {
                path: segment.path.clone(),
                at: at as u64,
            };
        }
    }

    fn frames(&mut self, segment: &SegmentFile, bytes: &[u8]) -> End {
        let mut at = HEADER_BYTES;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            if let Some(head) = FrameHead::whole(rest) {
                at += self.show(segment, &head, at);
                continue;
            }
            if is_blank(rest) {
                return End::Open;
            }
            let sealed = Seal::decode(rest).is_some_and(|seal| seal.position == at as u64);
            return match sealed && rest.len() == SEAL_BYTES {
                true => End::Sealed,
                false => End::Broken(at),
            };
        }
    }

    /// Shows a frame, and answers with its length.
    fn show(&mut self, file: &SegmentFile, head: &FrameHead, at: usize) -> usize {
        let standing = match self.tail {
            Tail::Whole => Standing::InSequence,
            Tail::Torn { .. } | Tail::Damaged { .. } => Standing::AfterDamage,
        };
        (self.visit)(ScannedFrame {
            head,
            standing,
            file,
            position: at as u64,
        });
        // it is in memory whole
        usize::try_from(head.bytes).unwrap_or(usize::MAX)
    }

    /// Shows the whole frames after a break. Answers whether there are any.
    fn beyond(&mut self, segment: &SegmentFile, bytes: &[u8], at: usize) -> bool {
        let mut found = false;
        let mut from = at;
        while let Some(place) = frame::find(bytes, from) {
            let rest = &bytes[place..];
            from = match FrameHead::whole(rest) {
                Some(head) => {
                    found = true;
                    self.damage(segment, at);
                    place + self.show(segment, &head, place)
                }
                None => place + 1,
            };
        }
        found
    }
}

fn read(segment: &SegmentFile) -> Result<Vec<u8>, ScanDamage> {
    let unreadable = |error| ScanDamage::io(&segment.path, error);
    let found = fs::metadata(&segment.path).map_err(unreadable)?.len();
    let expected = SEGMENT_BYTES + MAX_FRAME_BYTES + SEAL_BYTES as u64;
    if found > expected {
        let defect = Defect::Length { expected, found };
        return Err(ScanDamage::new(&segment.path, defect));
    }
    fs::read(&segment.path).map_err(unreadable)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes
        .chunks(4096)
        .all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}
