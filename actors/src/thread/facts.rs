//! What a decision needs from rows: whether an item's id is taken, what there is of an item, and where
//! a fork would go.

use everlog_domain::envelope::{EventKind, Head, Stream};
use everlog_domain::ids::{ItemId, Offset, Position, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView, StreamRange, Visibility};
use everlog_domain::query::{Direction, Filter, OrderBy, Query, Total};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, mentions, pins, reactions, receipts, threads};
use everlog_domain::threads::stored::{copied_of, is_shared, posted_of, reached_of};
use everlog_domain::threads::{
    Author, ForkFacts, ForkFrom, ItemCopied, ItemStatus, MAX_PINS, MAX_REACHED, MAX_REACTIONS,
    Marks, MarksOf, PostedItem, Reaction, ThreadCommand,
};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use crate::forks::depth_of;

/// Whether the thread's present life has an item with this id, deleted or not.
pub(crate) fn item_exists(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    item: &ItemId,
) -> Result<bool, RowsFailure> {
    Ok(row_of(view, project, thread, item)?.is_some())
}

/// An item that a command is about.
pub(crate) struct FoundItem {
    pub(crate) posted: PostedItem,
    /// The item whole, if the thread is a fork that shares it with its source and it is about to be
    /// changed.
    pub(crate) shared: Option<ItemCopied>,
    created_at: Option<Time>,
}

/// The item of the thread's present life with this id, if it is not deleted; `to_change` says whether
/// it is about to be.
pub(crate) fn posted_item(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    (item, to_change): (&ItemId, bool),
) -> Result<Option<FoundItem>, RowsFailure> {
    let Some(row) = row_of(view, project, thread, item)? else {
        return Ok(None);
    };
    let unread = || RowsFailure::Damaged {
        table: items::TABLE.0,
        key: item.to_string(),
        reason: "the item's row does not read".to_owned(),
    };
    let posted = posted_of(&row).ok_or_else(unread)?;
    if posted.status == ItemStatus::Deleted {
        return Ok(None);
    }
    let shared = match to_change && is_shared(&row) {
        true => Some(copied_of(&row).ok_or_else(unread)?),
        false => None,
    };
    Ok(Some(FoundItem {
        posted,
        shared,
        created_at: row.get(items::CREATED_AT).and_then(Value::as_time),
    }))
}

/// Where a fork would go.
pub(crate) struct ForkPlace {
    pub(crate) facts: ForkFacts,
    /// The head of the last life of the fork's id, if it had one.
    pub(crate) head: Option<Head>,
}

/// Where a command forks a thread to; nothing if it does not, or if an item was changed since the past
/// was read from which it is to be forked: then that must be read again.
pub(crate) fn fork_place(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    (command, item): (&ThreadCommand, Option<&FoundItem>),
) -> Result<Option<ForkPlace>, RowsFailure> {
    let ThreadCommand::Fork(command) = command else {
        return Ok(None);
    };
    let Some(source) = view.stream_head(project, &Stream::thread(thread))? else {
        return Ok(None);
    };
    let life = [
        Value::text(thread.as_str()),
        Value::counter(source.incarnation.0),
    ];
    let last_item_at = match &command.from {
        ForkFrom::Item(_) => item.and_then(|item| item.created_at),
        ForkFrom::Whole => newest_item_at(view, project, &life)?,
        ForkFrom::Past(then) => then.last_item_at,
    };
    let key = [Value::text(command.fork.as_str())];
    let now = view.project_head(project)?;
    Ok(Some(ForkPlace {
        facts: ForkFacts {
            source: thread.clone(),
            taken: view.get(project, threads::TABLE, &key)?.is_some(),
            now: now.map_or(Offset(0), |head| head.offset),
            depth: depth_of(view, project, &life)?,
            changed: changed_since(view, project, thread, (source, &command.from))?,
            last_item_at,
        },
        head: view.stream_head(project, &Stream::thread(&command.fork))?,
    }))
}

fn newest_item_at(
    view: &dyn RowsView,
    project: ProjectNumber,
    life: &[Value; 2],
) -> Result<Option<Time>, RowsFailure> {
    let places = [items::THREAD, items::INCARNATION];
    let within = places.into_iter().zip(life.clone());
    let newest = Query {
        filters: within
            .map(|(place, value)| Filter::equal(place, value))
            .collect(),
        order: vec![OrderBy {
            column: items::POSITION,
            direction: Direction::Descending,
        }],
        limit: 1,
        total: Total::Skipped,
        select: Some(vec![items::CREATED_AT]),
        ..Query::default()
    };
    let page = view.list(project, items::TABLE, &newest, Visibility::All)?;
    let newest = page.rows.first();
    Ok(newest.and_then(|row| row.get(items::CREATED_AT)?.as_time()))
}

/// Entries of the stream index that are looked at once.
const ENTRIES: usize = 1_024;

/// Whether an item was changed since the past was read that is to be forked.
fn changed_since(
    view: &dyn RowsView,
    project: ProjectNumber,
    thread: &ThreadId,
    (source, from): (Head, &ForkFrom),
) -> Result<bool, RowsFailure> {
    let ForkFrom::Past(then) = from else {
        return Ok(false);
    };
    let changes = |kind| matches!(kind, EventKind::ItemEdited | EventKind::ItemDeleted);
    let mut after = then.read_at;
    loop {
        let range = StreamRange {
            stream: Stream::thread(thread),
            incarnation: source.incarnation,
            after,
            limit: ENTRIES,
        };
        let entries = view.stream(project, &range)?;
        if entries.iter().any(|entry| changes(entry.kind)) {
            return Ok(true);
        }
        match entries.last() {
            Some(last) if entries.len() == ENTRIES => after = last.offset,
            _ => return Ok(false),
        }
    }
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
