//! The present of a subscription: events that were just published, told without reading anything.
//! What cannot be told so is left to the log.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use everlog_actors::live::{Form, Published};
use everlog_domain::access::{Caller, Privilege};
use everlog_domain::envelope::StreamKind;
use everlog_domain::ids::Offset;
use everlog_domain::ports::RowDelta;
use everlog_domain::query::Query;
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;

use super::catch_up::shows;
use super::page::{Change, Link, Links, Text};
use super::shown::{ItemFilters, ItemRow, Shown, cell, is_of_item};

/// Threads whose readability a subscription remembers.
const REMEMBERED: usize = 128;

/// What must be read from the log instead: somebody's access changed, or the rings do not tell
/// whether the caller may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NeedsLog;

/// Links of the present.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) links: Vec<Link>,
    /// Everything up to here has been looked at.
    pub(super) reached: Offset,
}

/// Which threads the caller may read, as far as that was seen lately. Forgotten when somebody's
/// access changes.
#[derive(Debug, Default)]
pub(super) struct Readable(HashMap<CompactString, bool>);

impl Readable {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the caller may read the thread of an event: its row tells, if the event changed it.
    fn of(&mut self, caller: &Caller, event: &Published) -> Result<bool, NeedsLog> {
        if caller.privilege == Privilege::Key {
            return Ok(true);
        }
        let id = &event.recorded.envelope.stream.id;
        if let Some(row) = thread_delta(event).and_then(|delta| delta.after.as_deref()) {
            let may = caller.may_read(cell(row, threads::READERS));
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
            self.0.insert(id.clone(), may);
            return Ok(may);
        }
        self.0.get(id).copied().ok_or(NeedsLog)
    }
}

/// Tells what events mean to a subscription that has reached `after`, until a page is full.
pub(super) fn links(
    shown: &Shown,
    caller: &Caller,
    readable: &mut Readable,
    events: &[Arc<Published>],
    after: Offset,
) -> Result<Present, NeedsLog> {
    let mut links = Links::default();
    let mut reached = after;
    for event in events {
        if links.is_full() {
            break;
        }
        let change = change(shown, caller, readable, event)?;
        links.push(event.offset(), change);
        reached = event.offset();
    }
    Ok(Present {
        links: links.into_vec(),
        reached,
    })
}

fn change(
    shown: &Shown,
    caller: &Caller,
    readable: &mut Readable,
    event: &Arc<Published>,
) -> Result<Option<Change>, NeedsLog> {
    let envelope = &event.recorded.envelope;
    if envelope.stream.kind != StreamKind::Thread {
        return Ok(None);
    }
    if envelope.kind.changes_access() {
        return Err(NeedsLog);
    }
    match shown {
        Shown::Thread(life) => Ok(life.shows(envelope.kind).then(|| whole(event))),
        Shown::Threads(query) => Ok(row_change(caller, query, event)),
        Shown::Items(filters) => item_change(caller, readable, filters, event),
    }
}

fn whole(event: &Arc<Published>) -> Change {
    Change::Event(Text::Shared(Arc::clone(event), Form::Whole))
}

fn thread_delta(event: &Published) -> Option<&RowDelta> {
    event
        .deltas
        .iter()
        .find(|delta| delta.table == threads::TABLE)
}

fn row_change(caller: &Caller, query: &Query, event: &Arc<Published>) -> Option<Change> {
    let delta = thread_delta(event)?;
    let visible = |row: &&Vec<Value>| shows(caller, query, row);
    let before = delta.before.as_deref().filter(visible);
    let after = delta.after.as_deref().filter(visible);
    match (before, after) {
        (Some(_), Some(_)) => Some(Change::Event(Text::Shared(Arc::clone(event), Form::Row))),
        (None, Some(row)) => Some(Change::enter(row)),
        (Some(_), None) => Some(Change::Leave(event.recorded.envelope.stream.id.clone())),
        (None, None) => None,
    }
}

fn item_change(
    caller: &Caller,
    readable: &mut Readable,
    filters: &ItemFilters,
    event: &Arc<Published>,
) -> Result<Option<Change>, NeedsLog> {
    let kind = event.recorded.envelope.kind;
    if !is_of_item(kind) || !readable.of(caller, event)? {
        return Ok(None);
    }
    let matches = filters.is_empty()
        || match ItemRow::of(&event.recorded) {
            None => false,
            Some(ItemRow::Brought(row)) => filters.match_row(&row),
            Some(ItemRow::Stored(_)) => return Err(NeedsLog),
        };
    Ok(matches.then(|| whole(event)))
}
