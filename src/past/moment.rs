//! Which moment `at` names.

use everlog_domain::access::Caller;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::time::Time;

use crate::cursor::CursorCodec;
use crate::error::ApiError;

/// Microseconds of a millisecond, the unit in which times are told.
const MILLISECOND: i64 = 1_000;

/// A moment as a caller names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Right after the event at this offset.
    Offset(Offset),
    /// After everything up to this time.
    Time(Time),
}

impl At {
    /// Reads a place in the log as [`CursorCodec::named`] does, or a time.
    pub(crate) fn parse(
        text: &str,
        caller: &Caller,
        cursors: &CursorCodec,
    ) -> Result<Self, ApiError> {
        let offset = cursors.named(caller, text);
        let time = || {
            // a plus sign that was not escaped in a query string is a space
            Time::parse(&text.replace(' ', "+")).map(Self::Time)
        };
        offset.map(Self::Offset).or_else(time).ok_or_else(|| {
            ApiError::argument(
                "at",
                "expected a cursor of this project, as X-Everlog-Cursor brought it, or a time (RFC 3339)",
            )
        })
    }

    /// The offset of the newest event that belongs to the moment, 0 before the first.
    pub(crate) fn resolve(
        self,
        view: &dyn RowsView,
        log: &dyn Log,
        project: ProjectNumber,
        now: Time,
    ) -> Result<Offset, ApiError> {
        let head = view.project_head(project)?;
        let (head, newest) = head.map_or((Offset(0), Time(0)), |head| (head.offset, head.time));
        match self {
            Self::Offset(offset) if offset > head => Err(beyond()),
            Self::Offset(offset) => Ok(offset),
            // the log's clock may be ahead of this one by a correction of it
            Self::Time(time) if time > now.max(newest) => Err(beyond()),
            Self::Time(time) => last_until(log, project, head, end_of(time)),
        }
    }
}

/// Times are told in milliseconds: what happened within one of them belongs to it, or a thread would
/// not be there at its own `$createdAt`.
const fn end_of(time: Time) -> Time {
    match time.0.rem_euclid(MILLISECOND) {
        0 => Time(time.0.saturating_add(MILLISECOND - 1)),
        _ => time,
    }
}

/// The last event up to a time, found by halving: times never run backwards within a project.
fn last_until(
    log: &dyn Log,
    project: ProjectNumber,
    head: Offset,
    time: Time,
) -> Result<Offset, ApiError> {
    let (mut low, mut high) = (0, head.0);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let found = log.envelopes(project, Offset(middle), 1)?;
        let found = found.first().ok_or_else(|| {
            ApiError::internal(format!("project {project}: no event at offset {middle}"))
        })?;
        if found.time <= time {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(Offset(low))
}

fn beyond() -> ApiError {
    ApiError::argument("at", "expected a moment that has been, found one to come")
}
