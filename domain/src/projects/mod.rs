//! Projects, their API keys, and how long they keep what is said in them.

mod create_key;
mod create_project;
mod delete_key;
mod event;
mod expire_threads;
mod quotas;
pub mod rows;
mod set_quotas;
mod set_retention;

use thiserror::Error;

pub use crate::retention::{
    InvalidRetention, LONGEST_AGE_SECONDS, MOST_ITEMS, Retention, SHORTEST_AGE_SECONDS,
};
pub use create_key::CreateKey;
pub use create_project::CreateProject;
pub use delete_key::DeleteKey;
pub use event::{
    EndedThread, KeyCreated, KeyDeleted, ProjectCreated, ProjectEvent, ProjectQuotasSet,
    RetentionSet, ThreadsExpired,
};
pub use expire_threads::{ExpireThreads, MAX_THREADS_EXPIRED_AT_ONCE};
pub use quotas::{Quota, Quotas};
pub use set_quotas::{QuotasNow, SetQuotas};
pub use set_retention::SetRetention;

/// Why a wish about a project is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProjectRefusal {
    /// The id is taken.
    #[error("a project with this id exists already")]
    ProjectExists,
    /// No such project.
    #[error("no project with this id was found")]
    ProjectNotFound,
    /// The key's id is taken.
    #[error("a key with this id exists already")]
    KeyExists,
    /// No such key.
    #[error("no key with this id was found")]
    KeyNotFound,
}
