//! Roles in Appwrite's notation: `any`, `guests`, `users/verified`, `user:ID`, `team:ID/owner` …

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{AgentId, UserId};

/// Whether a role asks for a confirmed e-mail address or phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verification {
    /// Either.
    Any,
    /// Confirmed.
    Verified,
    /// Not confirmed.
    Unverified,
}

/// A group of callers that a permission can name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everybody.
    Any,
    /// Callers without an identity.
    Guests,
    /// Callers with an account.
    Users(Verification),
    /// One user.
    User(UserId, Verification),
    /// One agent.
    Agent(AgentId),
    /// The members of a team, or those with a role in it.
    Team(CompactString, Option<CompactString>),
    /// One membership.
    Member(CompactString),
    /// Users that bear a label.
    Label(CompactString),
}

/// Why a string is not a role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "expected any, guests, users, user:ID, agent:ID, team:ID, team:ID/role, member:ID or label:NAME; found {found:?}"
)]
pub struct InvalidRole {
    /// The string, cut to 64 characters.
    pub found: String,
}

impl Role {
    /// Reads a role.
    pub fn parse(text: &str) -> Result<Self, InvalidRole> {
        Self::read(text).ok_or_else(|| InvalidRole {
            found: text.chars().take(64).collect(),
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (head, dimension) = match text.split_once('/') {
            Some((head, dimension)) => (head, Some(dimension)),
            None => (text, None),
        };
        let (kind, id) = match head.split_once(':') {
            Some((kind, id)) => (kind, Some(id)),
            None => (head, None),
        };
        match (kind, id, dimension) {
            ("any", None, None) => Some(Self::Any),
            ("guests", None, None) => Some(Self::Guests),
            ("users", None, dimension) => Some(Self::Users(verification(dimension)?)),
            ("user", Some(id), dimension) => Some(Self::User(
                UserId::parse(id).ok()?,
                verification(dimension)?,
            )),
            ("agent", Some(id), None) => Some(Self::Agent(AgentId::parse(id).ok()?)),
            ("team", Some(id), None) => Some(Self::Team(name(id)?, None)),
            ("team", Some(id), Some(role)) => Some(Self::Team(name(id)?, Some(name(role)?))),
            ("member", Some(id), None) => Some(Self::Member(name(id)?)),
            ("label", Some(id), None) => Some(Self::Label(name(id)?)),
            _ => None,
        }
    }

    /// The role of one user, confirmed or not.
    #[must_use]
    pub const fn user(id: UserId) -> Self {
        Self::User(id, Verification::Any)
    }
}

fn verification(dimension: Option<&str>) -> Option<Verification> {
    match dimension {
        None => Some(Verification::Any),
        Some("verified") => Some(Verification::Verified),
        Some("unverified") => Some(Verification::Unverified),
        Some(_) => None,
    }
}

// Ids of teams, members and labels follow the rule of all ids.
fn name(text: &str) -> Option<CompactString> {
    UserId::parse(text)
        .ok()
        .map(|id| CompactString::new(id.as_str()))
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "",
            Self::Verified => "/verified",
            Self::Unverified => "/unverified",
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Guests => f.write_str("guests"),
            Self::Users(verification) => write!(f, "users{verification}"),
            Self::User(id, verification) => write!(f, "user:{id}{verification}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
            Self::Team(id, None) => write!(f, "team:{id}"),
            Self::Team(id, Some(role)) => write!(f, "team:{id}/{role}"),
            Self::Member(id) => write!(f, "member:{id}"),
            Self::Label(id) => write!(f, "label:{id}"),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The roles that a caller holds. A clone shares them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleSet(Arc<BTreeSet<Role>>);

impl RoleSet {
    /// The roles of a caller without an identity.
    #[must_use]
    pub fn guest() -> Self {
        [Role::Any, Role::Guests].into_iter().collect()
    }

    /// The roles of a user.
    #[must_use]
    pub fn user(id: &UserId, verified: bool, labels: &[CompactString]) -> Self {
        let state = if verified {
            Verification::Verified
        } else {
            Verification::Unverified
        };
        let own = [Verification::Any, state];
        let users = own.into_iter().map(Role::Users);
        let user = own.into_iter().map(|state| Role::User(id.clone(), state));
        let labels = labels.iter().cloned().map(Role::Label);
        [Role::Any]
            .into_iter()
            .chain(users)
            .chain(user)
            .chain(labels)
            .collect()
    }

    /// Whether the caller holds the role.
    #[must_use]
    pub fn holds(&self, role: &Role) -> bool {
        self.0.contains(role)
    }

    /// The roles in order.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.0.iter()
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(Arc::new(roles.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_refused() {
        for text in [
            "",
            "anyone",
            "any:",
            "any/verified",
            "user",
            "user:",
            "user:a b",
            "user:a/owner",
            "users:x",
            "team",
            "team:",
            "team:a/",
            "member:a/b",
            "label:",
            "users/maybe",
            "agent:a/b",
        ] {
            assert!(Role::parse(text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn roles_read_back_as_written() {
        for text in [
            "any",
            "guests",
            "users",
            "users/verified",
            "users/unverified",
            "user:u1",
            "user:u1/verified",
            "agent:a1",
            "team:t",
            "team:t/owner",
            "member:m",
            "label:vip",
        ] {
            assert_eq!(
                Role::parse(text).map(|role| role.to_string()),
                Ok(text.to_owned())
            );
        }
    }
}
