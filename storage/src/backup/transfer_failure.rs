use std::io;
use std::path::{Path, PathBuf};

use everlog_domain::ids::{Offset, ProjectId};
use everlog_domain::ports::ReadFailure;
use thiserror::Error;

use super::failure::BackupFailure;
use crate::keys::{KeysFailure, MasterKeyRefused};
use crate::open::OpenRefused;

/// Why a project was not exported. There is no file.
#[derive(Debug, Error)]
pub enum ExportFailure {
    /// The control plane belongs to its server.
    #[error("the project console is the control plane of its server and does not move")]
    Console,
    /// Nothing is written over.
    #[error("{} is there already: name a new file", to.display())]
    Exists {
        /// The file that was named.
        to: PathBuf,
    },
    /// The log or the key store cannot be read, or is not as it was written.
    #[error(transparent)]
    Log(#[from] BackupFailure),
    /// No such project.
    #[error("there is no project {project} in this log")]
    NoProject {
        /// The project.
        project: ProjectId,
    },
    /// The master key cannot be read.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyRefused),
    /// The master key is another one, or a wrapped key was changed.
    #[error(transparent)]
    Keys(#[from] KeysFailure),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

/// Why a project was not imported. The data folder is as it was.
#[derive(Debug, Error)]
pub enum ImportFailure {
    /// The data folder was not opened.
    #[error(transparent)]
    Refused(#[from] OpenRefused),
    /// What was named is no project's file, or is damaged before its first event.
    #[error("{}: {reason}. Nothing was imported", path.display())]
    NoFile {
        /// The file that was named.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file is not as it was written.
    #[error(
        "project {project}, from offset {offset} on: the file is damaged: {reason}. Nothing was imported"
    )]
    Damaged {
        /// The project.
        project: ProjectId,
        /// The first offset that cannot be proved.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// The file was written under another transfer key.
    #[error(
        "the transfer key does not open {}: give the one that the export was made with",
        path.display()
    )]
    WrongTransferKey {
        /// The file.
        path: PathBuf,
    },
    /// The id is taken.
    #[error("there is a project {project} here already, and an id is not taken twice")]
    ProjectExists {
        /// The project.
        project: ProjectId,
    },
    /// The project itself is here already.
    #[error("this project is here already, as {project}")]
    SameProject {
        /// Under which id.
        project: ProjectId,
    },
    /// The keys cannot be taken in.
    #[error("the keys: {0}")]
    Keys(#[from] KeysFailure),
    /// The log of the data folder does not read.
    #[error(transparent)]
    Read(#[from] ReadFailure),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl ExportFailure {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { path, error }
    }
}

impl ImportFailure {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { path, error }
    }
}
