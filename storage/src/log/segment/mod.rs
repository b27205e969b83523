//! The files of the log: segments of frames, a frame for each batch.
//!
//! A segment bears the number of its first batch in its name and in its header, and holds frames
//! one after another ([`frame`]). It grows up to [`SEGMENT_BYTES`] and is then sealed: its last
//! bytes say how far it goes, so that what is missing of it is noticed without reading it. Only
//! the newest segment is written to, one frame at a time, each with one sync; so a crash leaves at
//! most one frame torn, and nothing behind it. Zeros are reserved ahead of small frames: a sync
//! then need not wait for the file system to write down a new length.
//!
//! ```text
//! segment  magic "EvLogSg1" ‖ first commit (u64) ‖ XXH3-64 of both
//!          ‖ frames ‖ seal, or zeros up to the end of the file
//! seal     magic "EvS1" ‖ last commit (u64) ‖ bytes before the seal (u64) ‖ XXH3-64 of all three
//! ```
//!
//! Numbers are big-endian.

mod file;
mod frame;
mod reader;
mod scan;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use file::{SegmentFile, list as list_segments};
pub(crate) use frame::{FrameBuffer, FrameHead, FrameTooLarge, split_event};
pub(crate) use reader::{Events, Location, ReadError, Segments, WholeFrame};
pub(crate) use scan::{Depth, Tail, scan};
pub(crate) use writer::{SegmentWriter, create_first, cut_after, mend_segments, restore_edges};

/// Bytes of frames at which a segment is sealed.
pub(crate) const SEGMENT_BYTES: u64 = 16 << 20;
