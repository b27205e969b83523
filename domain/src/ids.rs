//! Identifiers: a tagged type for each entity, and the numbers of the log.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::hash::Hash;

/// Longest id that a client may choose, in characters.
pub const MAX_ID_LENGTH: usize = 36;

/// Why a string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "an id has 1 to 36 characters of A-Z a-z 0-9 . _ - and does not start with . _ or -; found {found:?}"
)]
pub struct InvalidId {
    /// The string, cut to 64 characters.
    pub found: String,
}

fn check(text: &str) -> Result<(), InvalidId> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    let bytes = text.as_bytes();
    let starts_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
    if starts_well && bytes.len() <= MAX_ID_LENGTH && bytes.iter().copied().all(allowed) {
        return Ok(());
    }
    Err(InvalidId {
        found: text.chars().take(64).collect(),
    })
}

macro_rules! tagged_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        impl $name {
            /// Accepts an id that a client chose.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(CompactString::new(text)))
            }

            /// Makes an id of 20 hexadecimal characters from a seed: the same seed, the same id.
            /// The seed is random, or the idempotency scope, so that a retry makes the same entity.
            #[must_use]
            pub fn from_seed(seed: &[u8]) -> Self {
                let digest = crate::hash::Hash::of(&[stringify!($name).as_bytes(), seed]);
                Self(CompactString::from(hex::encode(&digest.as_bytes()[..10])))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )+};
}

tagged_ids! {
    /// A project: the tenant.
    ProjectId,
    /// A person with an account in a project.
    UserId,
    /// A signed-in device of a user.
    SessionId,
    /// An API key of a project.
    KeyId,
    /// A thread.
    ThreadId,
    /// An item of a thread.
    ItemId,
    /// An agent, as a participant of threads.
    AgentId,
    /// A template of threads.
    TemplateId,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The number after this one. The counters start at 1 and cannot reach 2^64 in practice:
            /// at a million a second that takes half a million years.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.wrapping_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// An event's place in its project's log, from 1, without gaps. 0 stands for "before the first".
    Offset,
    /// A batch's place in the process's log, from 1, without gaps. 0 stands for "before the first".
    CommitNumber,
    /// An event's place in its stream's incarnation, from 1, without gaps.
    Position,
    /// A project's number in keys. Never reused. The console is 1.
    ProjectNumber,
}

/// The number of the control plane, which is itself a project.
pub const CONSOLE: ProjectNumber = ProjectNumber(1);

/// A project's random identity: the genesis of its hash chain, so that a project can move.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectUid(pub [u8; 16]);

impl ProjectUid {
    /// Reads 32 hexadecimal characters.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Debug for ProjectUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for ProjectUid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for ProjectUid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a uid has 32 hex digits"))
    }
}

/// Identifies one wish of one caller: SHA-256 over project, principal, route and the caller's key.
pub type Scope = Hash;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_refused_and_accepted() {
        let long = "a".repeat(37);
        for text in [
            "",
            ".a",
            "_a",
            "-a",
            "a b",
            "a/b",
            "é",
            "a\0",
            long.as_str(),
        ] {
            assert!(UserId::parse(text).is_err(), "{text:?} must be refused");
        }
        for text in ["a", "A.b_c-9", &"a".repeat(36), "0"] {
            assert_eq!(
                UserId::parse(text).map(|id| id.to_string()),
                Ok(text.into())
            );
        }
    }

    #[test]
    fn seeds_make_stable_ids_that_differ_by_type() {
        let user = UserId::from_seed(b"x");
        assert_eq!(user, UserId::from_seed(b"x"));
        assert_eq!(user.as_str().len(), 20);
        assert_ne!(user.as_str(), ThreadId::from_seed(b"x").as_str());
    }
}
