//! Damage that a read meets while the rows are in use: remembered beside their folder, so that the
//! next opening makes them anew.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use everlog_domain::ports::RowsFailure;

/// What a read met. A clone is a handle. Who projects the next batch is refused with it: the process ends
/// then as for a log that fails, instead of answering for rows that it cannot show.
#[derive(Clone)]
pub(super) struct Damage(Arc<Found>);

struct Found {
    folder: PathBuf,
    first: OnceLock<RowsFailure>,
}

impl Damage {
    /// None yet, of the rows in this folder.
    pub(super) fn none_in(folder: &Path) -> Self {
        Self(Arc::new(Found {
            folder: folder.to_owned(),
            first: OnceLock::new(),
        }))
    }

    /// Remembers a failure, the first one beyond this process, and hands it back.
    pub(super) fn found(&self, failure: RowsFailure) -> RowsFailure {
        if self.0.first.set(failure.clone()).is_ok() {
            tracing::error!(%failure, "rows are damaged: the next start makes them anew from the log");
            if let Err(error) = mark_damaged(&self.0.folder) {
                let folder = self.0.folder.display();
                tracing::error!(%error, %folder, "this cannot be remembered: remove the folder");
            }
        }
        failure
    }

    /// The failure, if there was one.
    pub(super) fn refuse(&self) -> Result<(), RowsFailure> {
        match self.0.first.get() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }
}

/// Remembers that rows in this folder do not read.
pub(crate) fn mark_damaged(folder: &Path) -> io::Result<()> {
    File::create(mark_of(folder)).map(drop)
}

/// Whether the rows in this folder were found damaged while they were in use.
pub(crate) fn is_marked_damaged(folder: &Path) -> bool {
    mark_of(folder).exists()
}

/// The rows in this folder are others now.
pub(crate) fn unmark_damaged(folder: &Path) -> io::Result<()> {
    match fs::remove_file(mark_of(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Beside the folder: what is in there is the engine's.
fn mark_of(folder: &Path) -> PathBuf {
    folder.with_extension("unreadable")
}
