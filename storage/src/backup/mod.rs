//! Copies of the log that are taken while the server writes, and data folders made out of them.
//!
//! A backup is a folder: `log/` holds segments as a data folder does, and `backup` says up to which
//! batch they count ([`contents`]). Each run appends what is new behind that, syncs it, and only
//! then writes `backup` anew, so a run that is cut short leaves the backup that was there before.
//!
//! The log's own files are read without the lock: what has been written once does not change, and
//! the watermark says which batch was acknowledged ([`source`]). Whatever is copied is checked on
//! the way, as `everlog verify` checks it, but for decryption: that needs the keys, which are no
//! part of a backup. They go into a file of their own where that is asked for ([`keys_file`]), as
//! they are, wrapped by the master key.

mod back_up;
mod batch;
mod contents;
mod cut;
mod failure;
mod keys_copy;
mod keys_file;
mod restore;
mod rewrite;
mod source;
#[cfg(test)]
mod tests;

pub use back_up::{BackupReport, back_up};
pub use failure::{BackupFailure, RestoreFailure};
pub use restore::{Point, RestoreOptions, RestoreReport, restore};
