//! How long a project keeps the items of its threads.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::time::Time;

/// The shortest age: a rule by which items went as they came would be a mistake.
pub const SHORTEST_AGE_SECONDS: u64 = 60;
/// The longest age, a hundred years: beyond it there is no need of a rule.
pub const LONGEST_AGE_SECONDS: u64 = 100 * 366 * 86_400;
/// The most items that a rule may let stay in a thread.
pub const MOST_ITEMS: u32 = 10_000_000;

/// How long a project keeps the items of its threads. Without either bound for ever.
///
/// An item is over its time as soon as one of the two says so. Threads stay, whatever becomes of
/// their items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    /// Seconds after which an item goes, counted from when it was posted or opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    /// Items of a thread that stay, the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_items_per_thread: Option<u32>,
}

/// Why a rule cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidRetention {
    /// Too short or too long an age.
    #[error(
        "maxAge: expected {SHORTEST_AGE_SECONDS} to {LONGEST_AGE_SECONDS} seconds, found {found}"
    )]
    Age {
        /// What was given.
        found: u64,
    },
    /// No items, or too many.
    #[error("maxItemsPerThread: expected 1 to {MOST_ITEMS}, found {found}")]
    Items {
        /// What was given.
        found: u32,
    },
}

impl Retention {
    /// A rule of an age in seconds, of a count, of both or of none.
    pub fn new(
        max_age: Option<u64>,
        max_items_per_thread: Option<u32>,
    ) -> Result<Self, InvalidRetention> {
        let ages = SHORTEST_AGE_SECONDS..=LONGEST_AGE_SECONDS;
        if let Some(found) = max_age.filter(|age| !ages.contains(age)) {
            return Err(InvalidRetention::Age { found });
        }
        let counts = 1..=MOST_ITEMS;
        if let Some(found) = max_items_per_thread.filter(|count| !counts.contains(count)) {
            return Err(InvalidRetention::Items { found });
        }
        Ok(Self {
            max_age,
            max_items_per_thread,
        })
    }

    /// Whether everything stays for ever.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.max_age.is_none() && self.max_items_per_thread.is_none()
    }

    /// The age in seconds.
    #[must_use]
    pub const fn max_age(&self) -> Option<u64> {
        self.max_age
    }

    /// The count.
    #[must_use]
    pub const fn max_items_per_thread(&self) -> Option<u32> {
        self.max_items_per_thread
    }

    /// Whether what came about at a time is too old at another one.
    #[must_use]
    pub fn is_too_old(&self, created: Time, now: Time) -> bool {
        let Some(age) = self.max_age else {
            return false;
        };
        let age = i64::try_from(age).unwrap_or(i64::MAX);
        created.plus_seconds(age) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_a_shortest_age_and_a_smallest_count() {
        for age in [0, 59, LONGEST_AGE_SECONDS + 1, u64::MAX] {
            let invalid = InvalidRetention::Age { found: age };
            assert_eq!(Retention::new(Some(age), None), Err(invalid));
        }
        for count in [0, MOST_ITEMS + 1] {
            let invalid = InvalidRetention::Items { found: count };
            assert_eq!(Retention::new(None, Some(count)), Err(invalid));
        }
        for (age, count) in [(None, None), (Some(60), None), (Some(86_400), Some(1))] {
            let rule = Retention::new(age, count).unwrap();
            assert_eq!(rule.is_none(), age.is_none() && count.is_none());
        }
    }

    #[test]
    fn what_has_the_age_is_too_old() {
        let rule = Retention::new(Some(60), None).unwrap();
        let created = Time(5_000_000);
        let at = |seconds: i64| created.plus_seconds(seconds);
        assert!(!rule.is_too_old(created, Time(at(60).0 - 1)));
        assert!(rule.is_too_old(created, at(60)));
        assert!(!rule.is_too_old(created, Time(0)), "the clock was set back");
        let ageless = Retention::new(None, Some(1)).unwrap();
        assert!(!ageless.is_too_old(Time(0), Time(i64::MAX)));
    }
}
