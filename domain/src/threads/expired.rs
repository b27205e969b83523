//! Which items of a thread have expired.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::Position;

/// Which items of a life of a thread have expired: those up to a place, but for some that were
/// being written. So it is small, however many they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expired {
    /// Position of the newest of them.
    pub(super) through: Position,
    /// Positions up to there of items that have not expired.
    pub(super) kept: BTreeSet<Position>,
}

impl Expired {
    /// Whether the item that was posted or opened at a position has expired.
    #[must_use]
    pub fn holds(&self, opened: Position) -> bool {
        opened <= self.through && !self.kept.contains(&opened)
    }

    /// All of a thread that is over.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            through: Position(u64::MAX),
            kept: BTreeSet::new(),
        }
    }

    /// Whether no item has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.through == Position(0)
    }
}
