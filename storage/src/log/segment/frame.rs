//! A frame: one batch, with its contents page, where each event lies in it, and the events.
//!
//! ```text
//! frame      magic "EvF1" ‖ bytes of the frame (u32) ‖ commit (u64) ‖ bytes of the page (u32)
//!            ‖ number of events (u32) ‖ XXH3-128 of all before, page and directory
//!            ‖ contents page ‖ directory ‖ events
//! directory  for each event: where it ends, from the first event's beginning (u32) ‖ XXH3-64
//! event      bytes of its record (u32) ‖ record ‖ what of its payload lies beside the record
//! ```
//!
//! Events lie by project and offset, as the contents page lists them, so the page tells which
//! event is the n-th. Whatever is read of a frame, be it one event, is compared with a checksum.

use everlog_domain::ids::CommitNumber;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::take::take;

const MAGIC: [u8; 4] = *b"EvF1";
/// Bytes of the header that stand before its checksum.
const CHECKED_BYTES: usize = 24;
/// Bytes before the contents page.
pub(super) const HEADER_BYTES: usize = CHECKED_BYTES + 16;
const DIRECTORY_ENTRY_BYTES: usize = 12;

/// Largest frame, in bytes: far above what the committer puts into a batch.
pub(super) const MAX_FRAME_BYTES: u64 = 256 << 20;

/// Everything of a frame but its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) commit: CommitNumber,
    /// Bytes of the whole frame.
    pub(crate) bytes: u64,
    /// The contents page, encoded.
    pub(crate) page: Vec<u8>,
    directory: Vec<DirectoryEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DirectoryEntry {
    end: u32,
    checksum: u64,
}

/// What the first bytes of a frame say, not yet compared with anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameHeader {
    bytes: u32,
    commit: u64,
    page_bytes: u32,
    events: u32,
    checksum: u128,
}

impl FrameHeader {
    /// `None` where no frame begins.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let mut rest = header.strip_prefix(&MAGIC)?;
        let read = Self {
            bytes: u32::from_be_bytes(take(&mut rest)?),
            commit: u64::from_be_bytes(take(&mut rest)?),
            page_bytes: u32::from_be_bytes(take(&mut rest)?),
            events: u32::from_be_bytes(take(&mut rest)?),
            checksum: u128::from_be_bytes(take(&mut rest)?),
        };
        (read.head_bytes() <= u64::from(read.bytes)).then_some(read)
    }

    /// Bytes of header, page and directory.
    pub(super) fn head_bytes(&self) -> u64 {
        let directory = DIRECTORY_ENTRY_BYTES as u64 * u64::from(self.events);
        HEADER_BYTES as u64 + u64::from(self.page_bytes) + directory
    }

    /// Reads page and directory, if the bytes have the checksum. `bytes` begin with the header.
    pub(super) fn head(&self, bytes: &[u8]) -> Option<FrameHead> {
        let head = bytes.get(..usize::try_from(self.head_bytes()).ok()?)?;
        let (header, rest) = head.split_at_checked(HEADER_BYTES)?;
        if checksum(&header[..CHECKED_BYTES], rest) != self.checksum {
            return None;
        }
        let (page, directory) = rest.split_at_checked(self.page_bytes as usize)?;
        let (directory, _) = directory.as_chunks::<DIRECTORY_ENTRY_BYTES>();
        let head = FrameHead {
            commit: CommitNumber(self.commit),
            bytes: u64::from(self.bytes),
            page: page.to_vec(),
            directory: directory.iter().map(DirectoryEntry::read).collect(),
        };
        let ends = head.directory.iter().map(|entry| entry.end);
        let events = ends.clone().next_back().unwrap_or(0);
        let whole = self.head_bytes() + u64::from(events) == head.bytes;
        (whole && ends.is_sorted()).then_some(head)
    }
}

impl DirectoryEntry {
    fn read(bytes: &[u8; DIRECTORY_ENTRY_BYTES]) -> Self {
        let [a, b, c, d, checksum @ ..] = *bytes;
        Self {
            end: u32::from_be_bytes([a, b, c, d]),
            checksum: u64::from_be_bytes(checksum),
        }
    }
}

impl FrameHead {
    /// Reads a frame that is whole, its events included. `bytes` may go on after it.
    pub(super) fn whole(bytes: &[u8]) -> Option<Self> {
        let head = FrameHeader::read(bytes)?.head(bytes)?;
        let frame = bytes.get(..usize::try_from(head.bytes).ok()?)?;
        for event in 0..head.events() {
            let (from, to) = head.event(event)?;
            let found = frame.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)?;
            if !head.is_event(event, found) {
                return None;
            }
        }
        Some(head)
    }

    /// Number of events.
    pub(crate) fn events(&self) -> usize {
        self.directory.len()
    }

    /// Where the n-th event lies, from the beginning of the frame.
    pub(super) fn event(&self, n: usize) -> Option<(u64, u64)> {
        let directory = DIRECTORY_ENTRY_BYTES * self.directory.len();
        let events = (HEADER_BYTES + self.page.len() + directory) as u64;
        let to = self.directory.get(n)?.end;
        let before = n.checked_sub(1).and_then(|n| self.directory.get(n));
        let from = before.map_or(0, |entry| entry.end);
        Some((events + u64::from(from), events + u64::from(to)))
    }

    /// Where the first so many events end, from the beginning of the first.
    pub(crate) fn end_of(&self, events: usize) -> u64 {
        let last = events.checked_sub(1).and_then(|n| self.directory.get(n));
        last.map_or(0, |entry| u64::from(entry.end))
    }

    /// The last event, up to another one, with which those from the first on have no more than so
    /// many bytes; at least the first.
    pub(crate) fn up_to(&self, first: usize, last: usize, bytes: u64) -> usize {
        let Some((from, _)) = self.event(first) else {
            return first;
        };
        let near = |n: &usize| self.event(*n).is_some_and(|(_, to)| to - from <= bytes);
        (first + 1..=last).take_while(near).last().unwrap_or(first)
    }

    /// Whether these are the bytes of the n-th event, as they were written.
    pub(super) fn is_event(&self, n: usize, bytes: &[u8]) -> bool {
        let entry = self.directory.get(n);
        entry.is_some_and(|entry| entry.checksum == xxh3_64(bytes))
    }
}

/// An event's record and what lies beside it; `None` where the bytes are no event.
pub(crate) fn split_event(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// A frame in the making. The memory is kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    bytes: Vec<u8>,
    directory: usize,
    events: usize,
    pushed: usize,
}

/// A batch that is too large for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch takes more than {MAX_FRAME_BYTES} bytes in the log")]
pub(crate) struct FrameTooLarge;

impl FrameBuffer {
    /// Begins a frame of so many events, which are pushed in the order of the page.
    pub(crate) fn begin(&mut self, page: &[u8], events: usize) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        self.bytes.extend_from_slice(page);
        self.directory = self.bytes.len();
        let entries = self.directory + DIRECTORY_ENTRY_BYTES * events;
        self.bytes.resize(entries, 0);
        self.events = events;
        self.pushed = 0;
    }

    /// Puts the next event.
    pub(crate) fn push(&mut self, record: &[u8], beside: &[u8]) -> Result<(), FrameTooLarge> {
        debug_assert!(
            self.pushed < self.events,
            "as many events as were announced"
        );
        let start = self.bytes.len();
        let length = u32::try_from(record.len()).map_err(|_| FrameTooLarge)?;
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(record);
        self.bytes.extend_from_slice(beside);
        let checksum = xxh3_64(&self.bytes[start..]);
        let first = self.directory + DIRECTORY_ENTRY_BYTES * self.events;
        let end = u32::try_from(self.bytes.len() - first).map_err(|_| FrameTooLarge)?;
        let at = self.directory + DIRECTORY_ENTRY_BYTES * self.pushed;
        self.bytes[at..at + 4].copy_from_slice(&end.to_be_bytes());
        self.bytes[at + 4..at + DIRECTORY_ENTRY_BYTES].copy_from_slice(&checksum.to_be_bytes());
        self.pushed += 1;
        Ok(())
    }

    /// Where the first so many events end, from the beginning of the first.
    pub(crate) fn end_of(&self, events: usize) -> u64 {
        let last = events.checked_sub(1).filter(|n| *n < self.pushed);
        let end = last.and_then(|n| {
            let at = self.directory + DIRECTORY_ENTRY_BYTES * n;
            self.bytes.get(at..)?.first_chunk::<4>().copied()
        });
        end.map_or(0, |end| u64::from(u32::from_be_bytes(end)))
    }

    /// The frame, to be written as it is.
    pub(crate) fn finish(&mut self, commit: CommitNumber) -> Result<&[u8], FrameTooLarge> {
        debug_assert_eq!(self.pushed, self.events, "as many events as were announced");
        if self.bytes.len() as u64 > MAX_FRAME_BYTES {
            return Err(FrameTooLarge);
        }
        let number = |number: usize| u32::try_from(number).map_err(|_| FrameTooLarge);
        let length = number(self.bytes.len())?;
        let page = number(self.directory - HEADER_BYTES)?;
        let events = number(self.events)?;
        let end = self.directory + DIRECTORY_ENTRY_BYTES * self.events;
        let (header, rest) = self.bytes.split_at_mut(HEADER_BYTES);
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&length.to_be_bytes());
        header[8..16].copy_from_slice(&commit.0.to_be_bytes());
        header[16..20].copy_from_slice(&page.to_be_bytes());
        header[20..24].copy_from_slice(&events.to_be_bytes());
        let checksum = checksum(&header[..CHECKED_BYTES], &rest[..end - HEADER_BYTES]);
        header[CHECKED_BYTES..].copy_from_slice(&checksum.to_be_bytes());
        Ok(&self.bytes)
    }
}

/// Where the next frame may begin, at this place or after it.
pub(super) fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let found = memchr::memmem::find(bytes.get(from..)?, &MAGIC)?;
    Some(from + found)
}

fn checksum(header: &[u8], rest: &[u8]) -> u128 {
    let mut hasher = Xxh3::new();
    hasher.update(header);
    hasher.update(rest);
    hasher.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut buffer = FrameBuffer::default();
        buffer.begin(b"the page", 3);
        buffer.push(b"first", b"").unwrap();
        buffer.push(b"", b"only beside").unwrap();
        buffer.push(b"third", b"and more").unwrap();
        let ends: Vec<u64> = (0..=4).map(|events| buffer.end_of(events)).collect();
        assert_eq!(ends, [0, 9, 24, 41, 0]);
        buffer.finish(CommitNumber(7)).unwrap().to_vec()
    }

    #[test]
    fn what_is_put_in_comes_out() {
        let mut bytes = frame();
        let length = bytes.len() as u64;
        bytes.extend_from_slice(b"the next frame");
        let head = FrameHead::whole(&bytes).unwrap();
        assert_eq!((head.commit, head.bytes), (CommitNumber(7), length));
        assert_eq!(head.page, b"the page");
        let events: Vec<_> = (0..head.events())
            .map(|event| {
                let (from, to) = head.event(event).unwrap();
                let bytes = &bytes[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
                split_event(bytes).unwrap()
            })
            .collect();
        let expected: [(&[u8], &[u8]); 3] = [
            (b"first", b""),
            (b"", b"only beside"),
            (b"third", b"and more"),
        ];
        assert_eq!(events, expected);
        assert_eq!(head.event(3), None);
        let ends: Vec<u64> = (0..=4).map(|events| head.end_of(events)).collect();
        assert_eq!(ends, [0, 9, 24, 41, 0]);
    }

    #[test]
    fn a_frame_that_lacks_anything_or_has_another_bit_is_none() {
        let whole = frame();
        for at in 0..whole.len() {
            assert_eq!(FrameHead::whole(&whole[..at]), None, "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            assert_eq!(FrameHead::whole(&flipped), None, "flipped at {at}");
        }
    }

    #[test]
    fn an_empty_batch_is_a_frame() {
        let mut buffer = FrameBuffer::default();
        buffer.begin(b"", 0);
        let bytes = buffer.finish(CommitNumber(1)).unwrap();
        let head = FrameHead::whole(bytes).unwrap();
        assert_eq!((head.events(), head.bytes), (0, HEADER_BYTES as u64));
    }
}
