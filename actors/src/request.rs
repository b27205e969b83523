//! What is asked of a node, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use everlog_domain::access::Caller;
use everlog_domain::envelope::Idempotency;
use everlog_domain::event::Recorded;
use everlog_domain::identity::{IdentityRefusal, RegisterUser, SignIn, SignOut};
use everlog_domain::ids::{Offset, ProjectId, ProjectUid, ThreadId};
use everlog_domain::ports::{RowsFailure, SealFailure};
use everlog_domain::projects::{
    CreateKey, DeleteKey, ExpireThreads, ProjectRefusal, Quota, SetQuotas, SetRetention,
};
use everlog_domain::thread_templates::{
    CreateTemplate, DeleteTemplate, TemplateRefusal, UpdateTemplate,
};
use everlog_domain::threads::{ThreadCommand, ThreadRefusal};
use everlog_domain::time::Time;
use thiserror::Error;

/// Where a new item's id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOrigin {
    /// A client chose it, or it derives from an idempotency key: it may be taken.
    Chosen,
    /// 80 random bits: it is not looked up.
    Random,
}

/// A wish about a thread.
#[derive(Debug, Clone)]
pub struct ThreadRequest {
    /// Who asks, authenticated.
    pub caller: Caller,
    /// Which thread.
    pub thread: ThreadId,
    /// What.
    pub command: ThreadCommand,
    /// Where the id of a new item comes from.
    pub item_id: IdOrigin,
    /// The wish, if the caller named it.
    pub wish: Option<Idempotency>,
    /// The clock.
    pub now: Time,
}

/// A wish about a project's people, keys, templates of threads, or projects themselves.
#[derive(Debug, Clone)]
pub struct ProjectRequest {
    /// Who asks, authenticated. Its project is the one that the command is about.
    pub caller: Caller,
    /// What.
    pub command: ProjectCommand,
    /// The wish, if the caller named it.
    pub wish: Option<Idempotency>,
    /// The clock.
    pub now: Time,
}

/// Commands of the project actor.
#[derive(Debug, Clone)]
pub enum ProjectCommand {
    /// Register an account.
    RegisterUser(RegisterUser),
    /// Make a session.
    SignIn(SignIn),
    /// End a session.
    SignOut(SignOut),
    /// Make an API key.
    CreateKey(CreateKey),
    /// Revoke an API key.
    DeleteKey(DeleteKey),
    /// Make a project; the caller's project must be the console.
    CreateProject {
        /// Its id.
        project: ProjectId,
        /// Its name.
        name: String,
        /// Its identity, random.
        uid: ProjectUid,
    },
    /// Say what a project may use at most; the caller's project must be the console.
    SetQuotas(SetQuotas),
    /// Say how long the caller's project keeps the items of its threads.
    SetRetention(SetRetention),
    /// Let go of what was said in threads that are over.
    ExpireThreads(ExpireThreads),
    /// Make a template of threads.
    CreateTemplate(CreateTemplate),
    /// Replace what a template of threads says.
    UpdateTemplate(UpdateTemplate),
    /// Delete a template of threads.
    DeleteTemplate(DeleteTemplate),
}

impl ProjectCommand {
    /// Offset of the event that led to the command, if one did.
    #[must_use]
    pub const fn cause(&self) -> Option<Offset> {
        match self {
            Self::ExpireThreads(ExpireThreads { cause, .. }) => Some(*cause),
            _ => None,
        }
    }

    /// Bytes that it brings, roughly: what admission counts.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        match self {
            // its bounds together, roughly
            Self::CreateTemplate(_) | Self::UpdateTemplate(_) => 32 * 1024,
            _ => 1024,
        }
    }
}

/// A wish was granted: the events are durable and projected.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The events, in order; none if nothing had to change.
    pub events: Vec<Arc<Recorded>>,
    /// Whether an earlier request with the same idempotency key was granted; the events are then
    /// those of that request.
    pub repeated: bool,
}

impl Granted {
    /// Offset of the newest event.
    #[must_use]
    pub fn offset(&self) -> Option<Offset> {
        self.events.last().map(|recorded| recorded.envelope.offset)
    }
}

/// A wish was not granted, and nothing was changed, except where `Unknown` says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// By a rule about threads.
    #[error(transparent)]
    Thread(#[from] ThreadRefusal),
    /// By a rule about people.
    #[error(transparent)]
    Identity(#[from] IdentityRefusal),
    /// By a rule about projects.
    #[error(transparent)]
    Project(#[from] ProjectRefusal),
    /// By a rule about templates of threads.
    #[error(transparent)]
    Template(#[from] TemplateRefusal),
    /// Somebody's access changed meanwhile: authenticate again, then try again.
    #[error("access changed while the request was under way")]
    AccessMoved,
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used before with another request body")]
    WishDiffers,
    /// Too much is under way.
    #[error("too many requests are under way; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The project uses all that it may.
    #[error("the project's quota {} of {limit} is used up", quota.name())]
    OverQuota {
        /// Which quota.
        quota: Quota,
        /// What it says.
        limit: u64,
        /// When to try again, if waiting helps.
        retry_after: Option<Duration>,
    },
    /// Below the low-water mark of disk.
    #[error("the server is short of disk and takes no writes")]
    DiskFull,
    /// The event is larger than a record may be.
    #[error("the request makes an event of {found} bytes, a record holds at most {limit}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
        /// The bound.
        limit: usize,
    },
    /// No such project.
    #[error("no project with this number")]
    NoSuchProject,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopped,
    /// The one who worked on it failed. Whether it was granted is unknown: try again with the same
    /// idempotency key.
    #[error("the outcome is unknown; try again with the same idempotency key")]
    Unknown,
    /// A read was turned down or failed.
    #[error(transparent)]
    Rows(#[from] RowsFailure),
    /// An engine failed.
    #[error("internal failure: {reason}")]
    Failed {
        /// What it said. For the log, not for clients.
        reason: String,
    },
}

/// Why the node can go on no longer. The process must stop; a restart reads what is durable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the node halted at commit {commit}: {reason}")]
pub struct Halt {
    /// The commit that failed.
    pub commit: u64,
    /// What the engine said.
    pub reason: String,
}

impl From<SealFailure> for Refused {
    fn from(failure: SealFailure) -> Self {
        match failure {
            SealFailure::TooLarge { found, limit } => Self::TooLarge { found, limit },
            SealFailure::Keys { reason } => Self::Failed { reason },
        }
    }
}
