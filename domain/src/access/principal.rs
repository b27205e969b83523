//! Who acts.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, UserId};

/// Who did it, as every event records it: opaque ids only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// Nobody known.
    Guest,
    /// A user.
    User(UserId),
    /// An API key.
    Key(KeyId),
    /// The server itself: set-up and retention.
    System,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest => f.write_str("guest"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::System => f.write_str("system"),
        }
    }
}

impl Principal {
    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "guest" => Some(Self::Guest),
            None if text == "system" => Some(Self::System),
            Some(("user", id)) => UserId::parse(id).ok().map(Self::User),
            Some(("key", id)) => KeyId::parse(id).ok().map(Self::Key),
            _ => None,
        }
    }
}

impl Serialize for Principal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("unknown principal"))
    }
}
