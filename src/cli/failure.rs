//! How a command fails, and with which exit code.

use std::process::ExitCode;

use everlog_domain::ports::ReadFailure;
use everlog_storage::{BackupFailure, MasterKeyRefused, OpenRefused};
use thiserror::Error;

use crate::error::ApiError;
use crate::wiring::StartRefused;

/// Why a command did not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The data folder was not opened, and no file in it was changed.
    #[error("{0}")]
    Refused(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    pub(super) fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }

    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl From<OpenRefused> for Failure {
    fn from(refused: OpenRefused) -> Self {
        Self::Refused(refused.to_string())
    }
}

impl From<BackupFailure> for Failure {
    fn from(failure: BackupFailure) -> Self {
        match failure {
            BackupFailure::Refused(refused) => Self::from(refused),
            BackupFailure::Damaged { .. } => Self::Refused(failure.to_string()),
            BackupFailure::OtherBackup { .. }
            | BackupFailure::UnderWay { .. }
            | BackupFailure::Keys { .. }
            | BackupFailure::Io { .. } => Self::failed(failure),
        }
    }
}

impl From<MasterKeyRefused> for Failure {
    fn from(refused: MasterKeyRefused) -> Self {
        Self::Refused(refused.to_string())
    }
}

impl From<StartRefused> for Failure {
    fn from(refused: StartRefused) -> Self {
        match refused {
            StartRefused::Folder(_) | StartRefused::MasterKey(_) => {
                Self::Refused(refused.to_string())
            }
            StartRefused::Node(_) | StartRefused::Task(_) => Self::failed(refused),
        }
    }
}

/// The log is damaged at a place that it names.
impl From<ReadFailure> for Failure {
    fn from(failure: ReadFailure) -> Self {
        Self::Refused(failure.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        error.log();
        Self::failed(error.body().message)
    }
}

impl From<everlog_actors::Refused> for Failure {
    fn from(refused: everlog_actors::Refused) -> Self {
        Self::failed(refused)
    }
}
