//! What happened to a thread or an item: who changed what, from what to what, when and why.

use std::collections::BTreeSet;

use everlog_domain::envelope::{Envelope, EventKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{ItemId, Offset, Position, ThreadId};
use everlog_domain::ports::StreamBack;
use everlog_domain::tables::system::{self, items, threads};
use everlog_domain::tables::{Row, RowChange, RowSet, TableNumber};
use everlog_domain::threads::ThreadRefusal;
use everlog_domain::value::Value;

use super::events::{Life, Past, Step, may_change_items};
use super::item_events::of_items;
use super::lives::ThreadThen;
use super::thread_row::of_thread;
use super::timeline::Timeline;
use crate::error::{ApiError, ErrorType};

/// Places of the stream index that are looked at for a page.
const LOOKED_AT: usize = 5_000;

/// Columns of threads that say where a row is or follow from others.
const OF_THREADS: [usize; 7] = [
    threads::ID,
    threads::SEQUENCE,
    threads::CREATED_AT,
    threads::UPDATED_AT,
    threads::LAST_ITEM_AT,
    threads::PARTICIPANT_IDS,
    threads::READERS,
];
/// The same of items.
const OF_ITEMS: [usize; 7] = [
    items::THREAD,
    items::INCARNATION,
    items::POSITION,
    items::ID,
    items::CREATED_AT,
    items::UPDATED_AT,
    items::OFFSET,
];

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) thread: ThreadId,
    /// One item alone.
    pub(crate) item: Option<ItemId>,
    /// Only events after this offset.
    pub(crate) after: Offset,
    /// At most so many.
    pub(crate) limit: usize,
}

/// A page of a history, the oldest first.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) events: Vec<Entry>,
    /// How far it was looked at, if something may be left.
    pub(crate) more_after: Option<Offset>,
}

/// One event of a history.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) envelope: Envelope,
    /// The item that it is about, if it is about one.
    pub(crate) item: Option<String>,
    /// Whether it is about an item that has expired: who and when is all that is told.
    pub(crate) expired: bool,
    pub(crate) changes: Vec<Change>,
}

/// What an event made of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) column: &'static str,
    /// What it was. Absent where the caller might not read the thread before.
    pub(crate) from: Option<Value>,
    pub(crate) to: Value,
}

/// The rows as the page has reached them.
struct Folding {
    life: Life,
    /// The row of today, if the life goes on.
    today: Option<Row>,
    /// The newest position of the life.
    newest: Position,
    /// The thread's row before the next event, once it is known.
    thread: Option<Option<Row>>,
    items: RowSet,
    timeline: Timeline,
    only: Option<Position>,
}

impl Past<'_> {
    /// A page of the history of a thread or an item up to this moment. Appends to open items are left
    /// out: finishing the item tells of them all.
    pub(crate) fn history(&mut self, asked: &Asked) -> Result<History, ApiError> {
        let until = self.at;
        let found = self.life(&asked.thread)?;
        let (life, head, today) = found.ok_or(ThreadRefusal::NotFound)?;
        let only = match &asked.item {
            None => None,
            Some(item) => {
                let thread = ThreadThen {
                    life: life.clone(),
                    row: Vec::new(),
                    living: today.is_some(),
                    newest: head.position,
                };
                Some(self.position_of(thread, item)?)
            }
        };
        let mut folding = Folding {
            timeline: self.timeline(&life)?,
            life: life.clone(),
            today,
            newest: head.position,
            thread: None,
            items: RowSet::new(),
            only,
        };
        let mut history = History {
            events: Vec::new(),
            more_after: None,
        };
        let mut looked_at = 0;
        let mut last = asked.after;
        self.at = until;
        let mut entries = Vec::new();
        self.each_entry(&life, asked.after, |page| {
            let within = page.partition_point(|entry| entry.offset <= until);
            entries.extend(page.iter().take(within).copied());
            looked_at += page.len();
            Ok(match within < page.len() || looked_at >= LOOKED_AT {
                true => Step::Enough,
                false => Step::On,
            })
        })?;
        for slice in entries.chunks(16) {
            let offsets: Vec<Offset> = slice
                .iter()
                .filter(|entry| folding.needs(entry.kind, entry.position, entry.offset))
                .map(|entry| entry.offset)
                .collect();
            let mut events = Vec::with_capacity(offsets.len());
            self.each_event(&offsets, |recorded| {
                events.push(recorded.clone());
                Ok(())
            })?;
            for recorded in events {
                let offset = recorded.envelope.offset;
                last = offset;
                if let Some(entry) = self.step(&mut folding, recorded)? {
                    history.events.push(entry);
                }
                if history.events.len() >= asked.limit {
                    history.more_after = Some(offset);
                    return Ok(history);
                }
            }
            last = slice.last().map_or(last, |entry| entry.offset);
        }
        if looked_at >= LOOKED_AT {
            history.more_after = Some(last);
        }
        Ok(history)
    }

    /// The position that names an item, at this moment or, of a thread that is gone, right before
    /// its end.
    fn position_of(&mut self, thread: ThreadThen, item: &ItemId) -> Result<Position, ApiError> {
        if !thread.living {
            let newest = self.position_at(&thread.life, thread.newest, self.at)?;
            let last = StreamBack {
                stream: thread.life.stream.clone(),
                incarnation: thread.life.incarnation,
                before: newest.next(),
                limit: 1,
            };
            let last = self.view.stream_back(self.project(), &last)?;
            let deleted = last
                .first()
                .filter(|entry| entry.kind == EventKind::ThreadDeleted);
            if let Some(deleted) = deleted {
                self.moved(Offset(deleted.offset.0.saturating_sub(1)));
            }
        }
        let items = self.items(thread)?;
        let row = self.item(&items, item)?;
        position_of(&row).ok_or_else(|| {
            let message = "no item with this id was found in this thread";
            ApiError::new(ErrorType::ItemNotFound, message)
        })
    }

    /// Takes in an event. Answers with what is shown of it.
    fn step(
        &mut self,
        folding: &mut Folding,
        recorded: Recorded,
    ) -> Result<Option<Entry>, ApiError> {
        let offset = recorded.envelope.offset;
        let before = Offset(offset.0.saturating_sub(1));
        let shown = folding.timeline.at(offset);
        let knows = folding.timeline.before(offset);
        if matches!(recorded.event, Event::Withheld(_)) {
            let shown = shown && folding.only.is_none();
            return Ok(shown.then_some(Entry {
                envelope: recorded.envelope,
                item: None,
                expired: true,
                changes: Vec::new(),
            }));
        }
        let mut changes = Vec::new();
        let mut item = None;
        let of_items = match recorded.envelope.kind {
            // of those there is nothing to tell any more
            EventKind::ItemsExpired => Vec::new(),
            _ => of_items(&recorded),
        };
        for (position, change) in &of_items {
            if folding.only.is_some_and(|only| only != *position) {
                continue;
            }
            let key = [
                Value::Text(folding.life.stream.id.clone()),
                Value::counter(folding.life.incarnation.0),
                Value::counter(position.0),
            ];
            let inserts = matches!(change, RowChange::Insert { .. });
            if !inserts && folding.items.get(items::TABLE, &key).is_none() {
                self.moved(before);
                let last = Position(recorded.envelope.position.0.saturating_sub(1));
                let rows = self.fold_items(&folding.life, last, &BTreeSet::from([*position]))?;
                for row in rows.into_rows(items::TABLE) {
                    let table = items::TABLE;
                    folding.items.apply(RowChange::Insert { table, row });
                }
            }
            let was = folding.items.get(items::TABLE, &key).cloned();
            folding.items.apply(change.clone());
            self.bounds.check_bytes(folding.items.bytes())?;
            let is = folding.items.get(items::TABLE, &key);
            let id = is.or(was.as_ref()).and_then(|row| row.get(items::ID));
            item = id.and_then(Value::as_text).map(str::to_owned);
            if let Some(is) = is {
                let from = was.as_ref().filter(|_| knows);
                changes.extend(between(items::TABLE, &OF_ITEMS, was.as_ref(), from, is));
            }
        }
        if recorded.envelope.kind == EventKind::ItemCopied {
            // the item is as it was
            return Ok(None);
        }
        if of_items.is_empty() {
            if folding.only.is_some() {
                return Ok(None);
            }
            self.step_thread(folding, &recorded, knows, &mut changes)?;
        } else if folding.only.is_some() && item.is_none() {
            return Ok(None);
        }
        Ok(shown.then_some(Entry {
            envelope: recorded.envelope,
            item,
            expired: false,
            changes,
        }))
    }

    fn step_thread(
        &mut self,
        folding: &mut Folding,
        recorded: &Recorded,
        knows: bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), ApiError> {
        let was = match folding.thread.take() {
            Some(row) => row,
            None => {
                let offset = recorded.envelope.offset;
                self.moved(Offset(offset.0.saturating_sub(1)));
                let position = recorded.envelope.position.0;
                let since = folding.newest.0.saturating_sub(position);
                // a long history is read from its beginning on, far from today
                let near = since < self.bounds.since;
                let today = folding.today.clone().filter(|_| near);
                self.thread_row(&folding.life, folding.newest, today)?
            }
        };
        let mut set = RowSet::new();
        let table = threads::TABLE;
        if let Some(row) = was.clone() {
            set.apply(RowChange::Insert { table, row });
        }
        of_thread(recorded)
            .into_iter()
            .for_each(|change| set.apply(change));
        let is = set.into_rows(table).next();
        if let Some(is) = &is {
            let from = was.as_ref().filter(|_| knows);
            changes.extend(between(table, &OF_THREADS, was.as_ref(), from, is));
        }
        folding.thread = Some(is);
        Ok(())
    }
}

impl Folding {
    /// Whether an event must be read: because it is shown, or because what is shown later begins
    /// where it ended.
    fn needs(&self, kind: EventKind, position: Position, offset: Offset) -> bool {
        match self.only {
            Some(only) => position == only || (position > only && may_change_items(kind)),
            None if kind == EventKind::ItemDelta => false,
            None => {
                let begins = matches!(kind, EventKind::ItemPosted | EventKind::ItemOpened);
                !begins || self.timeline.at(offset)
            }
        }
    }
}

fn position_of(row: &[Value]) -> Option<Position> {
    let position = row.get(items::POSITION)?.as_int()?;
    u64::try_from(position).ok().map(Position)
}

/// What differs between two rows, but for some columns. `from` is the earlier one as far as it may
/// be told.
fn between(
    table: TableNumber,
    hidden: &[usize],
    was: Option<&Row>,
    from: Option<&Row>,
    is: &Row,
) -> Vec<Change> {
    let columns = system::table(table).map(|schema| schema.columns.iter());
    let columns = columns.into_iter().flatten().enumerate();
    let cell = |row: &Row, place: usize| row.get(place).cloned().unwrap_or(Value::Null);
    columns
        .filter(|(place, _)| !hidden.contains(place))
        .filter_map(|(place, column)| {
            let to = cell(is, place);
            let was = was.map_or(Value::Null, |row| cell(row, place));
            (to != was).then(|| Change {
                column: column.name,
                from: from.map(|row| cell(row, place)),
                to,
            })
        })
        .collect()
}
