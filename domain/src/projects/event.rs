//! Facts about projects and keys.

use serde::{Deserialize, Serialize};

use super::quotas::Quotas;
use crate::access::Scopes;
use crate::envelope::facts;
use crate::hash::Hash;
use crate::ids::{KeyId, Offset, ProjectId, ProjectNumber, ProjectUid, ThreadId};
use crate::retention::Retention;
use crate::time::Time;

/// A project was made. In the log of the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectCreated {
    /// Its id.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Its number in keys, never reused.
    pub number: ProjectNumber,
    /// Its identity: the genesis of its chain.
    pub uid: ProjectUid,
}

/// What a project may use at most was said. In the log of the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectQuotasSet {
    /// The project's id.
    pub project: ProjectId,
    /// Its number.
    pub number: ProjectNumber,
    /// What holds from here on.
    pub quotas: Quotas,
}

/// How long a project keeps the items of its threads was said. In its own log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionSet {
    /// The project's id.
    pub project: ProjectId,
    /// What holds from here on.
    pub retention: Retention,
}

/// What was said in threads that are over was let go. In the project's own log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadsExpired {
    /// The threads.
    pub threads: Vec<EndedThread>,
}

/// A life of a thread that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedThread {
    /// Its id.
    pub thread: ThreadId,
    /// Offset of its creation.
    pub incarnation: Offset,
    /// When it was deleted.
    pub ended_at: Time,
}

/// A key was made. In the log of its project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyCreated {
    /// Its id.
    pub key: KeyId,
    /// Its name.
    pub name: String,
    /// What it may ask for.
    pub scopes: Scopes,
    /// SHA-256 of the secret.
    pub secret_hash: Hash,
    /// When it ends by itself.
    pub expire: Option<Time>,
}

/// A key was revoked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDeleted {
    /// Its id.
    pub key: KeyId,
}

facts! {
    /// Facts about projects and their keys.
    ProjectEvent {
        ProjectCreated(ProjectCreated),
        ProjectQuotasSet(ProjectQuotasSet),
        RetentionSet(RetentionSet),
        ThreadsExpired(ThreadsExpired),
        KeyCreated(KeyCreated),
        KeyDeleted(KeyDeleted),
    }
}
