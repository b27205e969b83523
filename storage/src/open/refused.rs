use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use everlog_domain::ids::{Offset, ProjectNumber};
use thiserror::Error;

use crate::keys::{KeysFailure, MasterKeyRefused};

/// Where acknowledged history is missing or damaged, as far as what is left tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostFrom {
    /// The project.
    pub project: ProjectNumber,
    /// The first offset that is missing or damaged.
    pub offset: Offset,
}

/// Why a data folder was not opened.
#[derive(Debug, Error)]
pub enum OpenRefused {
    /// Another process owns it.
    #[error("{} is in use by another process: stop it first, or name another folder", data.display())]
    Locked {
        /// The data folder.
        data: PathBuf,
    },
    /// There is none.
    #[error("there is no data folder at {}", data.display())]
    Absent {
        /// The data folder.
        data: PathBuf,
    },
    /// A newer release wrote it.
    #[error(
        "the data folder has format {found}, this release knows formats up to {current}: use a newer release"
    )]
    Newer {
        /// The folder's format.
        found: u32,
        /// The newest that this release knows.
        current: u32,
    },
    /// Its format file is not one.
    #[error("{}: expected \"everlog data format 1\", found {found:?}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it holds, cut to 64 characters.
        found: String,
    },
    /// It is somebody else's folder, or has lost its format file.
    #[error(
        "{} has no file \"format\" but holds {found:?}: name an empty folder, or put the file back",
        data.display()
    )]
    Stranger {
        /// The data folder.
        data: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// The master key cannot be used.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyRefused),
    /// The key store does not open with it.
    #[error("the key store: {0}")]
    Keys(#[from] KeysFailure),
    /// Keys that the log needs are missing or damaged.
    #[error("{place}the key store is damaged: {reason}. Nothing was changed: put keys/ back from a copy", place = Placed(*lost_from))]
    KeysDamaged {
        /// The newest event that needs them.
        lost_from: Option<LostFrom>,
        /// What is wrong.
        reason: String,
    },
    /// Acknowledged history is missing, or bytes are damaged.
    #[error("{place}the log is damaged: {reason}. Restore a backup, or mend a copy with `everlog repair`", place = Placed(*lost_from))]
    Damaged {
        /// Where.
        lost_from: Option<LostFrom>,
        /// What is wrong.
        reason: String,
    },
    /// The operating system failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// An engine failed.
    #[error("the engine of {part} failed: {reason}")]
    Engine {
        /// Which.
        part: &'static str,
        /// What it said.
        reason: String,
    },
}

impl OpenRefused {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            error,
        }
    }
}

/// Says the place, or that it is unknown.
struct Placed(Option<LostFrom>);

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(lost) => write!(
                f,
                "project {}, from offset {} on: ",
                lost.project, lost.offset
            ),
            None => f.write_str("project and offset cannot be told from what is left: "),
        }
    }
}
