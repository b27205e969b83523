//! What a decision needs from rows: whether an item's id is taken, and what there is of an item.

use everlog_domain::envelope::Stream;
use everlog_domain::ids::{ItemId, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::items;
use everlog_domain::threads::stored::posted_of;
use everlog_domain::threads::{ItemStatus, PostedItem};
use everlog_domain::value::Value;

/// Whether the thread's present life has an item with this id, deleted or not.
pub(crate) fn item_exists(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    item: &ItemId,
) -> Result<bool, RowsFailure> {
    Ok(row_of(view, project, thread, item)?.is_some())
}

/// The item of the thread's present life with this id, if it is not deleted.
pub(crate) fn posted_item(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    item: &ItemId,
) -> Result<Option<PostedItem>, RowsFailure> {
    let Some(row) = row_of(view, project, thread, item)? else {
        return Ok(None);
    };
    let posted = posted_of(&row).ok_or_else(|| RowsFailure::Damaged {
        table: items::TABLE.0,
        key: item.to_string(),
        reason: "the item's row does not read".to_owned(),
    })?;
    Ok(Some(posted).filter(|posted| posted.status != ItemStatus::Deleted))
}

fn row_of(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    item: &ItemId,
) -> Result<Option<Row>, RowsFailure> {
    let Some(head) = view.stream_head(project, &Stream::thread(thread))? else {
        return Ok(None);
    };
    let key = [
        Value::text(thread.as_str()),
        Value::counter(head.incarnation.0),
        Value::text(item.as_str()),
    ];
    view.find(project, items::TABLE, items::BY_ID, &key)
}
