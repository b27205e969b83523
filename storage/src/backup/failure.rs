use std::io;
use std::path::{Path, PathBuf};

use everlog_domain::ids::{CommitNumber, Offset, ProjectId, ProjectNumber};
use thiserror::Error;

use crate::keys::{KeysFailure, MasterKeyRefused};
use crate::open::OpenRefused;

/// Why there is no newer backup. One that was there before is as it was.
#[derive(Debug, Error)]
pub enum BackupFailure {
    /// The data folder cannot be backed up: it is absent, of another format, or damaged.
    #[error(transparent)]
    Refused(#[from] OpenRefused),
    /// A batch does not read, or a chain does not go on.
    #[error(
        "project {project}, from offset {offset} on: the log is damaged: {reason}. Nothing behind it was copied"
    )]
    Damaged {
        /// The project.
        project: ProjectNumber,
        /// The first offset that cannot be proved.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// The target holds something else.
    #[error("{} is no backup of this log: {reason}; name another folder", to.display())]
    OtherBackup {
        /// The folder that was named.
        to: PathBuf,
        /// What it is.
        reason: String,
    },
    /// Another run writes to the target.
    #[error("another backup into {} is under way", to.display())]
    UnderWay {
        /// The folder that was named.
        to: PathBuf,
    },
    /// The keys cannot be copied.
    #[error("the keys cannot be copied: {reason}")]
    Keys {
        /// What was found.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

/// Why nothing was restored. There is no new folder.
#[derive(Debug, Error)]
pub enum RestoreFailure {
    /// There is no backup at this place, or what says how far it goes does not read.
    #[error("{} is no backup: {reason}", from.display())]
    NoBackup {
        /// The folder that was named.
        from: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A restore never writes over anything.
    #[error("{} is there already: name a new folder", to.display())]
    Exists {
        /// The folder that was named.
        to: PathBuf,
    },
    /// The backup is not as it was written.
    #[error(
        "project {project}, from offset {offset} on: the backup is damaged: {reason}. Nothing was restored"
    )]
    Damaged {
        /// The project.
        project: ProjectNumber,
        /// The first offset that cannot be proved.
        offset: Offset,
        /// What is wrong.
        reason: String,
    },
    /// The file of the keys cannot be used.
    #[error("{}: {reason}", path.display())]
    KeysFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of the keys is older than the backup.
    #[error(
        "{} ends with batch {found} of the keys, the backup needs batch {needed}: give the file that was written with this backup, or a later one",
        path.display()
    )]
    KeysTooOld {
        /// The file.
        path: PathBuf,
        /// The newest batch of keys that it has.
        found: u64,
        /// The newest that the backup needs.
        needed: u64,
    },
    /// The master key is another one, or a wrapped key was changed.
    #[error(transparent)]
    Keys(#[from] KeysFailure),
    /// The master key cannot be read.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyRefused),
    /// Nobody gave it.
    #[error(
        "the master key is no part of a backup: give it with --master-key-file, or in EVERLOG_MASTER_KEY"
    )]
    MasterKeyNotGiven,
    /// The backup does not go as far as what was asked for.
    #[error("the backup ends with batch {commit}, batch {asked} was asked for")]
    CommitBeyond {
        /// Its newest batch.
        commit: CommitNumber,
        /// What was asked for.
        asked: CommitNumber,
    },
    /// The project does not go as far as what was asked for.
    #[error(
        "in the backup the project {project} ends with offset {last}, offset {asked} was asked for"
    )]
    OffsetBeyond {
        /// The project.
        project: ProjectId,
        /// Its newest offset.
        last: Offset,
        /// What was asked for.
        asked: Offset,
    },
    /// The project is not in the backup, or not yet at the point that was asked for.
    #[error("there is no project {project} in the backup at that point")]
    NoProject {
        /// The project.
        project: ProjectId,
    },
    /// Nothing lies before the point that was asked for.
    #[error("the backup has nothing at or before that point")]
    Nothing,
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl BackupFailure {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { path, error }
    }
}

impl RestoreFailure {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::Io { path, error }
    }
}
