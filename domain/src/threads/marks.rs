//! What people put on items beside their content: reactions, pins, how far they have read.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::access::ParticipantId;
use crate::ids::Position;

/// Most characters of a reaction: emoji may be made of many.
const MAX_REACTION: usize = 32;
/// Most reactions of one author on one item.
pub(super) const MAX_REACTIONS_OF_AN_AUTHOR: usize = 20;
/// Most different reactions on one item: each change of one tells all of them.
pub(super) const MAX_DIFFERENT_REACTIONS: usize = 50;
/// Most reactions on one item.
pub const MAX_REACTIONS: usize = 5_000;
/// Most pinned items of a thread.
pub const MAX_PINS: usize = 100;

/// A reaction: an emoji, or a word of the application's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Reaction(CompactString);

impl Reaction {
    /// Reads 1 to 32 characters, none of them white space, a control character or a slash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let length = text.chars().count();
        let fits = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
        let is_one = (1..=MAX_REACTION).contains(&length) && text.chars().all(fits);
        is_one.then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Reaction {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        let invalid = || serde::de::Error::custom("expected a reaction of 1 to 32 characters");
        Self::parse(&text).ok_or_else(invalid)
    }
}

/// How often each reaction stands on an item.
pub type ReactionCounts = BTreeMap<Reaction, u32>;

/// Which marks a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarksOf {
    /// The reactions on the item.
    Reactions,
    /// The pins of the thread.
    Pins,
    /// How far the caller has read.
    Receipt,
    /// Whom the item reaches by its mentions.
    Mentions,
}

/// What a decision needs to know of the marks on an item, of those that it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// All reactions on it.
    pub reactions: ReactionCounts,
    /// Those of the caller.
    pub own: BTreeSet<Reaction>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Pinned items of the thread.
    pub pins: usize,
    /// How far the caller has read the thread.
    pub read_to: Option<Position>,
    /// Who is mentioned in it.
    pub reached: BTreeSet<ParticipantId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_reaction_is_refused() {
        let long = "x".repeat(33);
        for text in ["", " ", "a b", "a/b", "\u{7}", "a\n", &long] {
            assert_eq!(Reaction::parse(text), None, "{text:?}");
        }
        for text in ["👍", "👩‍👩‍👧‍👦", "+1", "ship_it", "é"] {
            assert!(Reaction::parse(text).is_some(), "{text}");
        }
    }
}
