//! The present of a subscription: events that were just published, told without reading anything.
//! What cannot be told so is left to the log.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;
use everlog_actors::live::{Form, Published};
use everlog_domain::access::{Caller, Privilege};
use everlog_domain::envelope::{EventKind, StreamKind};
use everlog_domain::ids::Offset;
use everlog_domain::ports::RowDelta;
use everlog_domain::query::Query;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::threads;

use super::catch_up::shows;
use super::life::cell;
use super::page::{Change, Link, Links, Text};
use super::shown::{ItemFilters, ItemRow, Shown, ThreadLife, is_of_item, opens_thread};

/// Threads whose readability a subscription remembers.
const REMEMBERED: usize = 128;

/// What must be read from the log instead: the rings do not tell whether the caller may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NeedsLog;

/// Links of the present.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) links: Vec<Link>,
    /// Everything up to here has been looked at.
    pub(super) reached: Offset,
    /// Whether what comes next must be read from the log.
    pub(super) needs_log: bool,
}

/// Which threads the caller may read, as far as that was seen lately. It goes with the place that
/// the subscription has reached: whatever changes who may read a thread is met on the way, in the
/// rings as in the log, and taken in.
#[derive(Debug, Default)]
pub(super) struct Readable(HashMap<CompactString, bool>);

impl Readable {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes in what was seen of a thread.
    pub(super) fn learn(&mut self, thread: CompactString, may: bool) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(thread, may);
    }

    /// Whether the caller may read a thread.
    fn of(&self, caller: &Caller, thread: &str) -> Result<bool, NeedsLog> {
        if caller.privilege == Privilege::Key {
            return Ok(true);
        }
        self.0.get(thread).copied().ok_or(NeedsLog)
    }
}

/// Tells what events mean to a subscription that has reached `after`, until a page is full or the
/// log must be read.
pub(super) fn links(
    shown: &Shown,
    caller: &Caller,
    readable: &mut Readable,
    events: &[Arc<Published>],
    after: Offset,
) -> Present {
    let mut links = Links::default();
    let mut reached = after;
    let mut needs_log = false;
    for event in events {
        if links.is_full() {
            break;
        }
        let Ok(change) = change(shown, caller, readable, event) else {
            needs_log = true;
            break;
        };
        links.push(&event.recorded.envelope, change);
        reached = event.offset();
    }
    Present {
        links: links.into_vec(),
        reached,
        needs_log,
    }
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
    match shown {
        Shown::Thread(life) => thread_change(caller, life, event),
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

fn thread_change(
    caller: &Caller,
    life: &ThreadLife,
    event: &Arc<Published>,
) -> Result<Option<Change>, NeedsLog> {
    let kind = event.recorded.envelope.kind;
    if kind.changes_access() && !may_read(caller, thread_delta(event).and_then(after)) {
        // Lost or deleted: the log tells the end.
        return Err(NeedsLog);
    }
    Ok(life.shows(kind).then(|| whole(event)))
}

fn before(delta: &RowDelta) -> Option<&Row> {
    delta.before.as_deref()
}

fn after(delta: &RowDelta) -> Option<&Row> {
    delta.after.as_deref()
}

/// Whether the caller may read a thread by its row.
fn may_read(caller: &Caller, row: Option<&Row>) -> bool {
    row.is_some_and(|row| caller.may_read(cell(row, threads::READERS)))
}

fn row_change(caller: &Caller, query: &Query, event: &Arc<Published>) -> Option<Change> {
    let delta = thread_delta(event)?;
    let visible = |row: &&Row| shows(caller, query, row);
    match (before(delta).filter(visible), after(delta).filter(visible)) {
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
    let envelope = &event.recorded.envelope;
    let id = &envelope.stream.id;
    let delta = thread_delta(event);
    if let Some(delta) = delta {
        readable.learn(id.clone(), may_read(caller, after(delta)));
    }
    if !filters.may_match_thread(id) {
        return Ok(None);
    }
    if envelope.kind == EventKind::ItemsExpired {
        // of many items: whoever does not have one of them has nothing to do
        return Ok(readable.of(caller, id)?.then(|| whole(event)));
    }
    if !is_of_item(envelope.kind) {
        let delta = delta.filter(|_| opens_thread(envelope.kind));
        return Ok(delta.and_then(|delta| whole_thread_change(caller, delta, id)));
    }
    if !readable.of(caller, id)? {
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

/// A thread that became readable or unreadable, with all its items.
fn whole_thread_change(caller: &Caller, delta: &RowDelta, id: &CompactString) -> Option<Change> {
    let had = may_read(caller, before(delta));
    let has = may_read(caller, after(delta));
    match (had, has) {
        (true, false) => Some(Change::LeaveThread(id.clone())),
        (false, true) => Some(Change::EnterThread(id.clone())),
        (true, true) | (false, false) => None,
    }
}
