//! The log on an embedded engine (fjall): events and their contents pages in one database, which
//! alone is synced with every batch.

mod append;
mod disk;
mod embedded;
mod engine;
mod read;
#[cfg(test)]
mod tests;
mod watermark;

pub use embedded::EmbeddedLog;
pub(crate) use engine::{EVENTS, LogEngine, MANIFESTS};
pub(crate) use read::{Reader, SealedRecord};
pub(crate) use watermark::{Mark, Watermark, read_mark};
