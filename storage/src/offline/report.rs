use std::fmt;

use everlog_domain::ids::{Offset, ProjectNumber, ProjectUid};
use thiserror::Error;

use crate::open::{LostFrom, OpenRefused};

/// Findings that are kept one by one; more are counted.
const KEPT_FINDINGS: usize = 1_000;

/// How far an offline work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Files are being read or copied, in bytes.
    Files {
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Batches are being read.
    Batches {
        /// Batches done.
        done: u64,
        /// Batches in all.
        total: u64,
    },
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The project, where it is known.
    pub project: Option<ProjectNumber>,
    /// The project's identity, where only that is known.
    pub uid: Option<ProjectUid>,
    /// The offset, where it is known.
    pub offset: Option<Offset>,
    /// What is wrong.
    pub reason: String,
}

impl Finding {
    pub(super) fn of(lost_from: Option<LostFrom>, reason: String) -> Self {
        Self {
            project: lost_from.map(|lost| lost.project),
            uid: None,
            offset: lost_from.map(|lost| lost.offset),
            reason,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.project, self.uid) {
            (Some(project), _) => write!(f, "project {project}, ")?,
            (None, Some(uid)) => write!(f, "project {uid:?}, ")?,
            (None, None) => {}
        }
        if let Some(offset) = self.offset {
            write!(f, "offset {offset}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// What [`crate::verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Projects whose chains were followed.
    pub projects: u64,
    /// Batches read.
    pub batches: u64,
    /// Events read.
    pub events: u64,
    /// Signed checkpoints that were compared.
    pub checkpoints: u64,
    /// What is wrong, the first thousand.
    pub findings: Vec<Finding>,
    /// How many more are wrong.
    pub more_findings: u64,
    /// Checkpoints that are none any more, as a power loss leaves one that was being written.
    /// They prove nothing, neither way.
    pub unreadable_checkpoints: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.more_findings == 0
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < KEPT_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings += 1;
        }
    }

    pub(super) fn add_at(&mut self, project: ProjectNumber, offset: Offset, reason: &str) {
        self.add(Finding {
            project: Some(project),
            uid: None,
            offset: Some(offset),
            reason: reason.to_owned(),
        });
    }

    pub(super) fn add_somewhere(&mut self, reason: String) {
        self.add(Finding {
            project: None,
            uid: None,
            offset: None,
            reason,
        });
    }
}

/// Why a folder could be neither proved nor disproved.
#[derive(Debug, Error)]
pub enum VerifyFailure {
    /// It cannot be opened, for a reason that is no damage.
    #[error(transparent)]
    Refused(OpenRefused),
    /// The checkpoints cannot be read.
    #[error("{}: {error}", folder.display())]
    Checkpoints {
        /// Their folder.
        folder: std::path::PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
}
