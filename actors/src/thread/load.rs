//! A thread's state from the rows, as of a commit: a restart costs the same however long the
//! thread is.

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::ids::{CommitNumber, ItemId, Position, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView, each_page, expired_in};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{deltas, items, open_items, threads};
use everlog_domain::threads::stored::{append_of, open_item_of, thread_of, write_on, written_of};
use everlog_domain::threads::{ItemInProgress, MAX_OPEN_ITEMS, Thread, ThreadState, Written};
use everlog_domain::value::Value;

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
    thread.expired = expired_in(view, project, id.as_str(), head.incarnation)?;
    let life = [Value::text(id.as_str()), Value::counter(head.incarnation.0)];
    for open in view.scan(project, open_items::TABLE, &life, None, MAX_OPEN_ITEMS)? {
        let position = open
            .get(open_items::POSITION)
            .cloned()
            .unwrap_or(Value::Null);
        let [thread_id, incarnation] = life.clone();
        let key = [thread_id, incarnation, position];
        let (item, progress) = open_item(view, project, id, &key)?;
        thread.open.insert(item, progress);
    }
    Ok(thread)
}

fn open_item(
    view: &dyn RowsView,
    project: ProjectNumber,
    id: &ThreadId,
    key: &[Value],
) -> Result<(ItemId, ItemInProgress), RowsFailure> {
    let item = view.get(project, items::TABLE, key)?;
    let (item, mut progress) = item
        .and_then(|item| open_item_of(&item))
        .ok_or_else(|| unreadable(id))?;
    each_page(view, project, deltas::TABLE, key, |page| {
        let taken = page
            .iter()
            .try_for_each(|row| append_of(&mut progress, row));
        taken.ok_or_else(|| unreadable(id))
    })?;
    Ok((item, progress))
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
    let mut written = written_of(&item).ok_or_else(|| unreadable(id))?;
    each_page(view, project, deltas::TABLE, &key, |page| {
        let taken = page.iter().try_for_each(|row| write_on(&mut written, row));
        taken.ok_or_else(|| unreadable(id))
    })?;
    Ok(Some(written))
}

fn unreadable(id: &ThreadId) -> RowsFailure {
    damaged(id, "an open item's rows do not read")
}

fn damaged(id: &ThreadId, reason: &str) -> RowsFailure {
    RowsFailure::Damaged {
        table: threads::TABLE.0,
        key: id.to_string(),
        reason: reason.to_owned(),
    }
}
