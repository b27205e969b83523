//! Wishes that were granted before: their answers are rebuilt from the events.

use std::sync::Arc;

use everlog_domain::envelope::Idempotency;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::time::Time;

use crate::request::{Granted, Refused};

/// Most events that one wish leads to.
const MOST_EVENTS: usize = 64;

/// The answer to a wish that was granted before, rebuilt from its events.
pub(crate) fn repeated(
    log: &dyn Log,
    project: ProjectNumber,
    wish: &Idempotency,
    (first, body): (Offset, Hash),
) -> Result<Granted, Refused> {
    if body != wish.body {
        return Err(Refused::WishDiffers);
    }
    let read = log.read(project, first, MOST_EVENTS);
    let events = read.map_err(|failure| Refused::Failed {
        reason: failure.to_string(),
    })?;
    let same_wish = |recorded: &Recorded| {
        recorded
            .envelope
            .idempotency
            .is_some_and(|w| w.scope == wish.scope)
    };
    let events = events
        .into_iter()
        .take_while(same_wish)
        .map(Arc::new)
        .collect();
    Ok(Granted {
        events,
        repeated: true,
    })
}

/// The earlier answer to a wish, if it was granted.
pub(crate) fn granted_before(
    view: &dyn RowsView,
    log: &dyn Log,
    project: ProjectNumber,
    wish: Option<&Idempotency>,
    now: Time,
) -> Result<Option<Granted>, Refused> {
    let Some(wish) = wish else { return Ok(None) };
    match view.granted(project, &wish.scope, now)? {
        Some(first) => repeated(log, project, wish, first).map(Some),
        None => Ok(None),
    }
}
