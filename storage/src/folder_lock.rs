//! The lock on a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use thiserror::Error;

const FILE: &str = "lock";

/// Why this process does not own the folder.
#[derive(Debug, Error)]
pub(crate) enum NotOwned {
    /// Another process does.
    #[error("another process owns the folder")]
    Locked,
    /// The lock's file cannot be used.
    #[error("the lock's file: {0}")]
    File(#[from] std::io::Error),
}

/// Held while this process owns the data folder; the operating system lets go of it when the
/// process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(crate) fn take(data: &Path) -> Result<Self, NotOwned> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data.join(FILE));
        let file = opened?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(NotOwned::Locked),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
