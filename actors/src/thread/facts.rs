//! What a decision needs from rows: whether an item's id is taken, and what there is of an item.

use everlog_domain::envelope::Stream;
use everlog_domain::ids::{ItemId, Position, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, mentions, pins, reactions, receipts};
use everlog_domain::threads::stored::{posted_of, reached_of};
use everlog_domain::threads::{
    Author, ItemStatus, MAX_PINS, MAX_REACHED, MAX_REACTIONS, Marks, MarksOf, PostedItem, Reaction,
};
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

/// The marks on an item that a command is about, as whoever asks finds them.
pub(crate) fn marks_of(
    view: &dyn RowsView,
    (project, thread): (ProjectNumber, &ThreadId),
    item: &PostedItem,
    (of, by): (MarksOf, &Author),
) -> Result<Marks, RowsFailure> {
    let Some(head) = view.stream_head(project, &Stream::thread(thread))? else {
        return Ok(Marks::default());
    };
    let life = [
        Value::text(thread.as_str()),
        Value::counter(head.incarnation.0),
    ];
    let [id, incarnation] = life.clone();
    let key = [id, incarnation, Value::counter(item.position.0)];
    match of {
        MarksOf::Pins => Ok(Marks {
            pinned: view.get(project, pins::TABLE, &key)?.is_some(),
            pins: view
                .scan(project, pins::TABLE, &life, None, MAX_PINS)?
                .len(),
            ..Marks::default()
        }),
        MarksOf::Receipt => {
            let [id, incarnation] = life;
            let receipt = [id, incarnation, Value::text(by.as_str())];
            let receipt = view.get(project, receipts::TABLE, &receipt)?;
            let position = receipt.and_then(|row| row.get(receipts::POSITION)?.as_int());
            let position = position.and_then(|position| u64::try_from(position).ok());
            Ok(Marks {
                read_to: position.map(Position),
                ..Marks::default()
            })
        }
        MarksOf::Mentions => {
            let rows = view.scan(project, mentions::TABLE, &key, None, MAX_REACHED)?;
            let reached = rows.iter().map(|row| reached_of(row));
            let reached: Option<_> = reached.collect();
            let damaged = || RowsFailure::Damaged {
                table: mentions::TABLE.0,
                key: thread.to_string(),
                reason: "a mention does not read".to_owned(),
            };
            Ok(Marks {
                reached: reached.ok_or_else(damaged)?,
                ..Marks::default()
            })
        }
        MarksOf::Reactions => {
            let rows = view.scan(project, reactions::TABLE, &key, None, MAX_REACTIONS)?;
            counted(thread, &rows, by)
        }
    }
}

fn counted(thread: &ThreadId, rows: &[Row], by: &Author) -> Result<Marks, RowsFailure> {
    let mut marks = Marks::default();
    for row in rows {
        let text = |place: usize| row.get(place).and_then(Value::as_text).unwrap_or_default();
        let reaction = Reaction::parse(text(reactions::REACTION));
        let reaction = reaction.ok_or_else(|| RowsFailure::Damaged {
            table: reactions::TABLE.0,
            key: thread.to_string(),
            reason: "a reaction does not read".to_owned(),
        })?;
        if text(reactions::BY) == by.as_str() {
            marks.own.insert(reaction.clone());
        }
        *marks.reactions.entry(reaction).or_default() += 1;
    }
    Ok(marks)
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
