//! The past of the rows of threads: what each event made of them, told from the rows as they were.

use everlog_domain::access::Caller;
use everlog_domain::envelope::StreamKind;
use everlog_domain::event::Recorded;
use everlog_domain::query::Query;
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;

use super::Page;
use super::history::{History, touches};
use super::lives::Lives;
use crate::live::event_text;
use crate::live::life::cell;
use crate::live::page::{Change, Reach, ReadError, Text};

/// Reads a page of the project's log.
pub(super) fn read(page: &mut Page<'_>, query: &Query) -> Result<Reach, ReadError> {
    let mut lives = Lives::new(page);
    let mut folded = page.ask.folded.lock();
    let mut history = History::begin(page, &mut folded);
    let reach =
        page.each_event(|page, recorded| change(page, &mut lives, &mut history, query, recorded))?;
    let (Reach::Until(reached) | Reach::Head(reached)) = reach;
    history.end(reached);
    Ok(reach)
}

fn change(
    page: &Page<'_>,
    lives: &mut Lives<'_>,
    history: &mut History<'_>,
    query: &Query,
    recorded: &Recorded,
) -> Result<Option<Change>, ReadError> {
    let envelope = &recorded.envelope;
    if envelope.stream.kind != StreamKind::Thread || !touches(envelope.kind) {
        return Ok(None);
    }
    let caller = &page.ask.caller;
    let (before, after) = history.step(recorded)?;
    // Two items in the same microsecond leave the same trace in the row.
    if before == after {
        return Ok(None);
    }
    let had = before
        .as_deref()
        .is_some_and(|row| shows(caller, query, row));
    let has = after.as_deref().filter(|row| shows(caller, query, row));
    match (had, has) {
        (true, None) => Ok(Some(Change::Leave(envelope.stream.id.clone()))),
        (_, Some(_)) if !lives.is_readable(envelope)? => Ok(None),
        // As in the present: an event that left the row as it was is no change of it.
        (true, Some(_)) if before == after => Ok(None),
        (true, Some(row)) => Ok(Some(Change::Event(Text::Own(event_text::of_row(
            recorded, row,
        ))))),
        (false, Some(row)) => Ok(Some(Change::enter(row))),
        (false, None) => Ok(None),
    }
}

/// Whether a row is visible to the caller and matches.
pub(in crate::live) fn shows(caller: &Caller, query: &Query, row: &[Value]) -> bool {
    caller.may_read(cell(row, threads::READERS)) && query.matches(row)
}
