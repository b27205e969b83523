//! Scopes bound what a key or a session may ask for at all.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Every scope that this server knows. Names are Appwrite's where it has the resource.
const KNOWN: &[&str] = &[
    "account",
    "keys.read",
    "keys.write",
    "log.read",
    "projects.read",
    "projects.write",
    "sessions.write",
    "threads.read",
    "threads.write",
    "users.read",
    "users.write",
];

/// A name that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown scope {found:?}; known are {}", KNOWN.join(", "))]
pub struct UnknownScope {
    /// The name, cut to 64 characters.
    pub found: String,
}

/// A set of scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Reads a list of names.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownScope> {
        let mut scopes = BTreeSet::new();
        for name in names.iter().map(AsRef::as_ref) {
            if !KNOWN.contains(&name) {
                let found = name.chars().take(64).collect();
                return Err(UnknownScope { found });
            }
            scopes.insert(name.to_owned());
        }
        Ok(Self(scopes))
    }

    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Self(KNOWN.iter().map(|&name| name.to_owned()).collect())
    }

    /// What a caller without an identity may ask for: to register and to sign in.
    #[must_use]
    pub fn guest() -> Self {
        Self(["sessions.write", "threads.read"].map(str::to_owned).into())
    }

    /// What a signed-in user may ask for.
    #[must_use]
    pub fn user() -> Self {
        Self(
            ["account", "sessions.write", "threads.read", "threads.write"]
                .map(str::to_owned)
                .into(),
        )
    }

    /// Whether the scope is in the set.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
