//! Whom an item mentions.

use std::collections::BTreeSet;
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::access::ParticipantId;
use super::bounds::MAX_PARTICIPANTS;

/// Most mentions of one item.
pub const MAX_MENTIONS: usize = 50;
/// Most whom one item reaches: everybody, and those that it names who have left since.
pub const MAX_REACHED: usize = MAX_PARTICIPANTS + MAX_MENTIONS;
/// Bytes of a mention in a record, roughly: the longest id with what surrounds it.
const BYTES: usize = 48;

/// Somebody who is mentioned, or everybody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mention {
    /// All who take part in the thread at that moment.
    Everyone,
    /// One of them.
    Participant(ParticipantId),
}

/// What an item mentions.
pub type Mentions = BTreeSet<Mention>;

impl Mention {
    const EVERYONE: &str = "everyone";

    /// Reads `user:ID`, `agent:ID` or `everyone`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            Self::EVERYONE => Some(Self::Everyone),
            id => ParticipantId::parse(id).map(Self::Participant),
        }
    }
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str(Self::EVERYONE),
            Self::Participant(id) => id.fmt(f),
        }
    }
}

impl Serialize for Mention {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mention {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        let invalid = || serde::de::Error::custom("expected user:ID, agent:ID or everyone");
        Self::parse(&text).ok_or_else(invalid)
    }
}

/// What an event says of an item's mentions. It tells whom it reaches, so that what it does to rows
/// follows from it alone: who joins later was not mentioned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mentioned {
    /// All that the item mentions from here on.
    pub named: Mentions,
    /// Who is mentioned from here on and was not before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reached: BTreeSet<ParticipantId>,
    /// Who was mentioned before and is not any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub released: BTreeSet<ParticipantId>,
}

/// Bytes that mentions bring, roughly: what admission counts.
pub(super) fn mention_bytes(mentions: &Mentions) -> usize {
    let reached = match mentions.contains(&Mention::Everyone) {
        true => MAX_REACHED,
        false => mentions.len(),
    };
    (mentions.len() + reached) * BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_mention_is_refused() {
        for text in [
            "", "ann", "user:", "user:a b", "team:x", "Everyone", "key:k",
        ] {
            assert_eq!(Mention::parse(text), None, "{text:?}");
        }
        for text in ["everyone", "user:ann", "agent:tutor"] {
            let mention = Mention::parse(text);
            assert_eq!(mention.map(|it| it.to_string()).as_deref(), Some(text));
        }
    }
}
