//! Where an item stands in the tree.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ItemId;

/// What an item follows, where that is not the item before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// Nothing: it is the first of a branch of its own.
    Beginning,
    /// Another item of the thread.
    Item(ItemId),
}

impl Parent {
    /// Reads an item's id, or the empty text for the beginning.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Beginning),
            id => ItemId::parse(id).ok().map(Self::Item),
        }
    }

    /// The item's id; empty for the beginning.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Beginning => "",
            Self::Item(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Parent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Parent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = compact_str::CompactString::deserialize(deserializer)?;
        let invalid = || serde::de::Error::custom("expected the id of an item, or the empty text");
        Self::parse(&text).ok_or_else(invalid)
    }
}
