//! What a fork has in common with the thread that it comes from.

use serde::{Deserialize, Serialize};

use crate::ids::{ItemId, Offset, Position, ThreadId};

/// Most forks one upon the other: each is looked at when the items of the last are read.
pub const MAX_FORK_DEPTH: u8 = 32;

/// What a fork has in common with its source: the items up to a place, as they were after an event of
/// the project's log. They are the source's own rows, which are never copied for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shares {
    /// The source.
    pub thread: ThreadId,
    /// Which of its lives.
    pub incarnation: Offset,
    /// As they were right after this event.
    pub at: Offset,
    /// Position of the last item that is shared, or of the newest event then.
    pub until: Position,
    /// Positions of items that were being written then: they are no part of the fork, which could
    /// never finish them. In order, as many as may be open at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Position>,
    /// How many forks lie one upon the other with this one, from 1.
    pub depth: u8,
}

/// Where a fork comes from, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkedFrom<'a> {
    thread_id: &'a ThreadId,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a ItemId>,
}

impl<'a> ForkedFrom<'a> {
    /// From a thread, up to an item if one was named.
    #[must_use]
    pub const fn new(thread_id: &'a ThreadId, item_id: Option<&'a ItemId>) -> Self {
        Self { thread_id, item_id }
    }
}
