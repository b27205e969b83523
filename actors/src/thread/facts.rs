//! What a decision needs from rows: whether an item's id is taken.

use everlog_domain::envelope::Stream;
use everlog_domain::ids::{ItemId, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::system::items;
use everlog_domain::value::Value;

/// Whether the thread's present life has an item with this id.
pub(crate) fn item_exists(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    item: &ItemId,
) -> Result<bool, RowsFailure> {
    let Some(head) = view.stream_head(project, &Stream::thread(thread))? else {
        return Ok(false);
    };
    let key = [
        Value::text(thread.as_str()),
        Value::counter(head.incarnation.0),
        Value::text(item.as_str()),
    ];
    Ok(view
        .find(project, items::TABLE, items::BY_ID, &key)?
        .is_some())
}
