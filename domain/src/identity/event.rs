//! Facts about people.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::email_address::EmailAddress;
use super::user_name::UserName;
use crate::envelope::facts;
use crate::hash::Hash;
use crate::ids::{SessionId, UserId};
use crate::time::Time;

/// Somebody registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserCreated {
    /// Who.
    pub user: UserId,
    /// How to reach them.
    pub email: EmailAddress,
    /// Argon2id in the PHC string format.
    pub password_hash: String,
    /// What to call them; may be empty.
    pub name: UserName,
}

/// Somebody signed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionCreated {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// SHA-256 of the secret.
    pub secret_hash: Hash,
    /// When it ends by itself.
    pub expire: Time,
    /// How they proved who they are: `email`.
    pub provider: CompactString,
    /// From which address, for the person's own list of devices.
    pub ip: CompactString,
    /// With which program.
    pub user_agent: CompactString,
}

/// Somebody signed out, or the session was displaced by newer ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDeleted {
    /// The session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
}

facts! {
    /// Facts about people and their sessions.
    IdentityEvent {
        UserCreated(UserCreated),
        SessionCreated(SessionCreated),
        SessionDeleted(SessionDeleted),
    }
}
