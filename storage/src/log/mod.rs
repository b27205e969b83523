//! The log in files of its own: batches with their contents pages as frames of [`segment`]s, which
//! alone are synced with every batch, and an [`index`] that is derived from them.

mod append;
mod disk;
mod embedded;
mod engine;
mod index;
mod read;
mod sealed;
mod segment;
#[cfg(test)]
mod tests;
mod watermark;

pub use embedded::EmbeddedLog;
pub(crate) use engine::{EngineFailure, page_of};
pub(crate) use index::peek_reached;
pub(crate) use read::Reader;
pub(crate) use sealed::{SealedRecord, damaged};
pub(crate) use segment::{
    Depth, FrameBuffer, Location, ReadError, SegmentFile, SegmentWriter, Segments, Tail,
    WholeFrame, create_first, cut_after, list_segments, mend_segments, restore_edges, scan,
    split_event,
};
pub(crate) use watermark::{Mark, Watermark, read_mark};
