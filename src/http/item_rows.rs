//! Where the rows of a thread's items are found.

use everlog_domain::access::Caller;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::ports::RowsView;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, threads};
use everlog_domain::value::Value;
use serde::Deserialize;

use super::cells::cell;
use super::threads::readable;
use crate::error::{ApiError, ErrorType};

/// The item that a path names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemPath {
    thread_id: String,
    item_id: String,
}

impl ItemPath {
    pub(super) fn parse(&self) -> Result<(ThreadId, ItemId), ApiError> {
        let thread = ThreadId::parse(&self.thread_id);
        let thread = thread.map_err(|error| ApiError::argument("threadId", error))?;
        let item = ItemId::parse(&self.item_id);
        Ok((
            thread,
            item.map_err(|error| ApiError::argument("itemId", error))?,
        ))
    }
}

/// The first two values of the primary keys of a thread's items: its id, and which of its lives.
pub(super) fn life(thread: &[Value]) -> [Value; 2] {
    // a thread's sequence is the offset of its creation
    [threads::ID, threads::SEQUENCE].map(|place| cell(thread, place).clone())
}

/// The row of an item in a life of a thread.
pub(super) fn find(
    view: &dyn RowsView,
    caller: &Caller,
    life: &[Value; 2],
    id: &str,
) -> Result<Option<Row>, ApiError> {
    let [thread, incarnation] = life.clone();
    let values = [thread, incarnation, Value::text(id)];
    Ok(view.find(caller.project, items::TABLE, items::BY_ID, &values)?)
}

/// The row of an item in a thread that the caller may read.
pub(super) fn readable_item(
    view: &dyn RowsView,
    caller: &Caller,
    thread: &ThreadId,
    item: &ItemId,
) -> Result<Row, ApiError> {
    let life = life(&readable(view, caller, thread)?);
    find(view, caller, &life, item.as_str())?.ok_or_else(|| {
        ApiError::new(
            ErrorType::ItemNotFound,
            "no item with this id was found in this thread",
        )
    })
}
