//! A thread's state from the rows, as of a commit: a restart costs the same however long the
//! thread is.

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::ids::{CommitNumber, Position, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{deltas, items, open_items, threads};
use everlog_domain::threads::stored::{append_of, open_item_of, thread_of, write_on, written_of};
use everlog_domain::threads::{ItemInProgress, MAX_OPEN_ITEMS, Thread, ThreadState, Written};
use everlog_domain::value::Value;

/// Appends that are read at once.
const APPENDS_PAGE: usize = 1_000;

/// A state and the commit as of which it holds.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) state: ThreadState,
    pub(super) as_of: CommitNumber,
}

/// Reads a thread's state.
pub(super) fn load(
    view: &dyn RowsView,
    project: ProjectNumber,
    id: &ThreadId,
) -> Result<Loaded, RowsFailure> {
    let as_of = view.commit();
    let head = view.stream_head(project, &Stream::thread(id))?;
    let row = view.get(project, threads::TABLE, &[Value::text(id.as_str())])?;
    let state = match (row, head) {
        (Some(row), Some(head)) => ThreadState::Live(live(view, project, id, &row, head)?),
        (_, head) => ThreadState::Absent(head),
    };
    Ok(Loaded { state, as_of })
}

fn live(
    view: &dyn RowsView,
    project: ProjectNumber,
    id: &ThreadId,
    row: &Row,
    head: Head,
) -> Result<Thread, RowsFailure> {
    let mut thread =
        thread_of(row, head).ok_or_else(|| damaged(id, "the thread's row does not read"))?;
    let life = [Value::text(id.as_str()), Value::counter(head.incarnation.0)];
    for open in view.scan(project, open_items::TABLE, &life, None, MAX_OPEN_ITEMS)? {
        let position = open
            .get(open_items::POSITION)
            .cloned()
            .unwrap_or(Value::Null);
        let [thread_id, incarnation] = life.clone();
        let key = [thread_id, incarnation, position];
        let (item, progress) = open_item(view, project, &key)?
            .ok_or_else(|| damaged(id, "an open item's rows do not read"))?;
        thread.open.insert(item, progress);
    }
    Ok(thread)
}

fn open_item(
    view: &dyn RowsView,
    project: ProjectNumber,
    key: &[Value],
) -> Result<Option<(everlog_domain::ids::ItemId, ItemInProgress)>, RowsFailure> {
    let Some(item) = view.get(project, items::TABLE, key)? else {
        return Ok(None);
    };
    let Some((id, mut progress)) = open_item_of(&item) else {
        return Ok(None);
    };
    let read = each_append(view, project, key, |row| append_of(&mut progress, row))?;
    Ok(read.map(|()| (id, progress)))
}

/// What has been written of an open item of a thread's present life.
pub(super) fn written(
    view: &dyn RowsView,
    project: ProjectNumber,
    id: &ThreadId,
    opened: Position,
) -> Result<Option<Written>, RowsFailure> {
    let Some(head) = view.stream_head(project, &Stream::thread(id))? else {
        return Ok(None);
    };
    let key = [
        Value::text(id.as_str()),
        Value::counter(head.incarnation.0),
        Value::counter(opened.0),
    ];
    let Some(item) = view.get(project, items::TABLE, &key)? else {
        return Ok(None);
    };
    let unreadable = || damaged(id, "an open item's rows do not read");
    let mut written = written_of(&item).ok_or_else(unreadable)?;
    each_append(view, project, &key, |row| write_on(&mut written, row))?.ok_or_else(unreadable)?;
    Ok(Some(written))
}

/// Goes through the appends to an open item, a page at a time: there may be many. Ends with
/// nothing at a row that does not read.
fn each_append(
    view: &dyn RowsView,
    project: ProjectNumber,
    item: &[Value],
    mut take: impl FnMut(&Row) -> Option<()>,
) -> Result<Option<()>, RowsFailure> {
    let mut after: Option<Vec<Value>> = None;
    loop {
        let page = view.scan(project, deltas::TABLE, item, after.as_deref(), APPENDS_PAGE)?;
        for row in &page {
            if take(row).is_none() {
                return Ok(None);
            }
        }
        match page.last() {
            Some(last) if page.len() == APPENDS_PAGE => after = Some(key_of(last)),
            _ => return Ok(Some(())),
        }
    }
}

fn key_of(append: &Row) -> Vec<Value> {
    let places = [
        deltas::THREAD,
        deltas::INCARNATION,
        deltas::ITEM_POSITION,
        deltas::POSITION,
    ];
    let cell = |place: usize| append.get(place).cloned().unwrap_or(Value::Null);
    places.map(cell).to_vec()
}

fn damaged(id: &ThreadId, reason: &str) -> RowsFailure {
    RowsFailure::Damaged {
        table: threads::TABLE.0,
        key: id.to_string(),
        reason: reason.to_owned(),
    }
}
