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
//!
//! A project alone travels in one file ([`project_file`]): its events as they are and its keys,
//! wrapped by a key for the way. It is taken out of a log as a backup is ([`export_project`]), and
//! joins another one in one step ([`staged_log`]).

mod back_up;
mod batch;
mod contents;
mod cut;
mod export_project;
mod failure;
mod import_project;
mod keys_copy;
mod keys_file;
mod project_file;
mod restore;
mod rewrite;
mod source;
mod staged_log;
#[cfg(test)]
mod tests;
mod transfer_failure;

pub use back_up::{BackupReport, back_up};
pub use export_project::{ExportOptions, ExportReport, export_project};
pub use failure::{BackupFailure, RestoreFailure};
pub use import_project::{ImportOptions, ImportReport, import_project};
pub use restore::{Point, RestoreOptions, RestoreReport, restore};
pub use transfer_failure::{ExportFailure, ImportFailure};
