//! Wishes that were granted before: their answers are rebuilt from the events.

use std::sync::Arc;

use everlog_domain::envelope::Idempotency;
use everlog_domain::event::Recorded;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::time::Time;

use crate::request::{Granted, Refused};

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
    let mut events = Vec::new();
    // One by one: what follows the wish's own events is somebody else's.
    for offset in first.0.. {
        let read = log.read(project, Offset(offset), 1);
        let read = read.map_err(|failure| Refused::Failed {
            reason: failure.to_string(),
        })?;
        let own = |recorded: &Recorded| {
            let wished = recorded.envelope.idempotency;
            wished.is_some_and(|wished| wished.scope == wish.scope)
        };
        match read.into_iter().find(own) {
            Some(recorded) => events.push(Arc::new(recorded)),
            None => break,
        }
    }
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
