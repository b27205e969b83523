//! What one reading of the past may cost.

use std::cell::Cell;

use crate::error::{ApiError, ErrorType};

/// What one reading of the past may cost. Beyond it the answer is 422, not a slow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Events between the moment and now: of the project for a list of threads, of its own stream
    /// for one thread.
    pub(crate) since: u64,
    /// Threads that were changed since and are put together again. With the events it is what a list
    /// takes time for: so many keep it under 100 ms (docs/measurements.md).
    pub(crate) folded: usize,
    /// Places of the stream index that are looked at, of 10 bytes each.
    pub(crate) entries: u64,
    /// Events that are read with their payload.
    pub(crate) events: u64,
    /// Bytes of rows that are put together.
    pub(crate) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            since: 50_000,
            folded: 500,
            entries: 500_000,
            events: 50_000,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// What a reading has cost so far.
#[derive(Debug, Default)]
pub(super) struct Spent {
    entries: Cell<u64>,
    events: Cell<u64>,
}

impl Bounds {
    /// Refuses a moment that so many events lie after.
    pub(super) fn check_since(&self, found: u64) -> Result<(), ApiError> {
        if found <= self.since {
            return Ok(());
        }
        let limit = self.since;
        Err(too_far(&format!(
            "more than {limit} events lie between that moment and now"
        )))
    }

    /// Refuses rows that take too much memory.
    pub(super) fn check_bytes(&self, found: usize) -> Result<(), ApiError> {
        if found <= self.bytes {
            return Ok(());
        }
        Err(too_far(
            "what has changed since that moment takes too much memory",
        ))
    }

    /// Refuses a list for which so many threads would have to be put together again.
    pub(super) fn check_folded(&self, found: usize) -> Result<(), ApiError> {
        if found <= self.folded {
            return Ok(());
        }
        let limit = self.folded;
        Err(too_far(&format!(
            "more than {limit} threads were changed between that moment and now"
        )))
    }
}

impl Spent {
    /// Looks at places of the stream index.
    pub(super) fn entries(&self, bounds: &Bounds, count: usize) -> Result<(), ApiError> {
        spend(&self.entries, count, bounds.entries)
    }

    /// Reads events.
    pub(super) fn events(&self, bounds: &Bounds, count: usize) -> Result<(), ApiError> {
        spend(&self.events, count, bounds.events)
    }
}

fn spend(spent: &Cell<u64>, count: usize, limit: u64) -> Result<(), ApiError> {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    spent.set(spent.get().saturating_add(count));
    if spent.get() <= limit {
        return Ok(());
    }
    Err(too_far(
        "too many events would have to be read for that moment",
    ))
}

fn too_far(reason: &str) -> ApiError {
    let message = format!("at: {reason}; name a later moment, or ask for one thread or item alone");
    ApiError::new(ErrorType::PastTooFar, message)
}
