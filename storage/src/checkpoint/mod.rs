//! Signed checkpoints: what a project's log was at an offset, said with a key, in the form of
//! C2SP tlog-checkpoint (a signed note). They are also written outside of the data folder, so that
//! who can write into the folder still cannot cut the log off or chain it anew without being
//! found out by [`crate::verify`].
//!
//! The root is the hash of the event at that offset, the head of the project's chain, and not of
//! a Merkle tree.

mod folder;
mod note;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use folder::{FoundNote, file_of, read_folder};
pub(crate) use note::Note;
pub use writer::{CheckpointFailure, Checkpoints};

/// The folder inside of the data folder.
pub(crate) const FOLDER: &str = "checkpoints";
