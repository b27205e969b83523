//! Scopes bound what a key or a session may ask for at all.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Every scope that this server knows. Names are Appwrite's where it has the resource.
const KNOWN: &[&str] = &[
    "account",
    "history.read",
    "keys.read",
    "keys.write",
    "log.read",
    "projects.read",
    "projects.write",
    "sessions.write",
    "templates.read",
    "templates.write",
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
/// A clone shares them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<String>", into = "BTreeSet<String>")]
pub struct Scopes(Arc<BTreeSet<String>>);

impl From<BTreeSet<String>> for Scopes {
    fn from(names: BTreeSet<String>) -> Self {
        Self(Arc::new(names))
    }
}

impl From<Scopes> for BTreeSet<String> {
    fn from(scopes: Scopes) -> Self {
        Arc::unwrap_or_clone(scopes.0)
    }
}

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
        Ok(scopes.into())
    }

    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        let names: BTreeSet<String> = KNOWN.iter().map(|&name| name.to_owned()).collect();
        names.into()
    }

    /// What a caller without an identity may ask for: to register and to sign in.
    #[must_use]
    pub fn guest() -> Self {
        BTreeSet::from(["sessions.write", "threads.read"].map(str::to_owned)).into()
    }

    /// What a signed-in user may ask for.
    #[must_use]
    pub fn user() -> Self {
        let names = ["account", "sessions.write", "threads.read", "threads.write"];
        BTreeSet::from(names.map(str::to_owned)).into()
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
