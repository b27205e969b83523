//! The items that mention somebody, the newest first, as far as the caller may read them today.

use std::collections::HashMap;

use everlog_domain::access::Caller;
use everlog_domain::ids::{Offset, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView, Visibility};
use everlog_domain::query::{Comparison, Direction, Filter, MAX_PAGE_BYTES, OrderBy, Query, Total};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, mentions, receipts};
use everlog_domain::threads::{Author, ItemStatus};
use everlog_domain::value::Value;

use super::cells::cell;
use super::deltas::{DeltaBudget, with_deltas};
use super::item_rows::life;
use super::threads::readable;
use crate::error::{ApiError, ErrorType};

/// Mentions that are read at once.
const SLICE: u32 = 64;
/// Most mentions that a page looks at: those in threads that are closed to the caller by now, and
/// read ones where only unread ones are wanted, are passed over.
const LOOKED_AT: usize = 1_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Who is mentioned: `user:ID` or `agent:ID`.
    pub(super) mentioned: String,
    /// Only mentions before this place.
    pub(super) before: Option<Offset>,
    /// At most so many.
    pub(super) limit: usize,
    /// Only those that were not read.
    pub(super) only_unread: bool,
}

/// A page.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) entries: Vec<Entry>,
    /// Where to go on, if something may be left.
    pub(super) more_before: Option<Offset>,
}

/// An item that mentions somebody.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) item: Row,
    /// Whether it lies after what was read of its thread.
    pub(super) unread: bool,
}

impl Feed {
    /// Reads a page.
    pub(super) fn read(
        view: &dyn RowsView,
        caller: &Caller,
        wanted: &Wanted,
    ) -> Result<Self, ApiError> {
        let reading = Reading {
            view,
            caller,
            wanted,
            threads: HashMap::new(),
            budget: DeltaBudget::default(),
            bytes: 0,
        };
        reading.page()
    }
}

/// A thread that somebody is mentioned in, as the caller finds it today.
#[derive(Debug, Clone)]
struct Here {
    life: [Value; 2],
    /// The position up to which it was read.
    read_to: Option<i64>,
}

/// What became of a mention.
enum Looked {
    Shown(Entry),
    PassedOver,
    /// It does not fit the page any more.
    Full,
}

struct Reading<'a> {
    view: &'a dyn RowsView,
    caller: &'a Caller,
    wanted: &'a Wanted,
    /// Those that were met; nothing of one that the caller may not read.
    threads: HashMap<String, Option<Here>>,
    budget: DeltaBudget,
    bytes: usize,
}

impl Reading<'_> {
    fn page(mut self) -> Result<Feed, ApiError> {
        let mut feed = Feed::default();
        let mut before = self.wanted.before;
        let mut looked_at = 0;
        loop {
            let slice = self.slice(before)?;
            for mention in &slice {
                match self.look(mention, feed.entries.is_empty())? {
                    Looked::Shown(entry) => feed.entries.push(entry),
                    Looked::PassedOver => {}
                    Looked::Full => {
                        feed.more_before = before;
                        return Ok(feed);
                    }
                }
                before = Some(offset_of(mention));
                looked_at += 1;
                if feed.entries.len() == self.wanted.limit || looked_at == LOOKED_AT {
                    feed.more_before = before;
                    return Ok(feed);
                }
            }
            if slice.len() < SLICE as usize {
                return Ok(feed);
            }
        }
    }

    /// Mentions before a place, the newest first: by the index that lies in this order.
    fn slice(&self, before: Option<Offset>) -> Result<Vec<Row>, RowsFailure> {
        let mentioned = Value::text(&self.wanted.mentioned);
        let mut filters = vec![Filter::equal(mentions::MENTIONED, mentioned)];
        filters.extend(before.map(|offset| Filter::Compare {
            column: mentions::OFFSET,
            comparison: Comparison::Less,
            values: vec![Value::counter(offset.0)],
        }));
        let query = Query {
            filters,
            order: vec![OrderBy {
                column: mentions::OFFSET,
                direction: Direction::Descending,
            }],
            limit: SLICE,
            total: Total::Skipped,
            ..Query::default()
        };
        let project = self.caller.project;
        let page = self
            .view
            .list(project, mentions::TABLE, &query, Visibility::All)?;
        Ok(page.rows)
    }

    fn look(&mut self, mention: &Row, is_first: bool) -> Result<Looked, ApiError> {
        let Some(here) = self.thread(mention)? else {
            return Ok(Looked::PassedOver);
        };
        let position = cell(mention, mentions::POSITION);
        let unread = here.read_to < position.as_int();
        if self.wanted.only_unread && !unread {
            return Ok(Looked::PassedOver);
        }
        let [thread, incarnation] = here.life;
        let key = [thread, incarnation, position.clone()];
        let project = self.caller.project;
        let item = self.view.get(project, items::TABLE, &key)?;
        let deleted = Some(ItemStatus::Deleted.name());
        let there = |item: &Row| cell(item, items::STATUS).as_text() != deleted;
        let Some(item) = item.filter(there) else {
            return Ok(Looked::PassedOver);
        };
        // one item alone can always be read
        let item = match with_deltas(self.view, project, item, &mut self.budget) {
            Err(RowsFailure::TooExpensive { .. }) if !is_first => return Ok(Looked::Full),
            item => item?,
        };
        self.bytes += item.iter().map(Value::memory_bytes).sum::<usize>();
        if self.bytes > MAX_PAGE_BYTES && !is_first {
            return Ok(Looked::Full);
        }
        Ok(Looked::Shown(Entry { item, unread }))
    }

    /// The thread of a mention, if the caller may read it today and it is the same life.
    fn thread(&mut self, mention: &Row) -> Result<Option<Here>, ApiError> {
        let id = cell(mention, mentions::THREAD)
            .as_text()
            .unwrap_or_default();
        if !self.threads.contains_key(id) {
            let here = self.find(id)?;
            self.threads.insert(id.to_owned(), here);
        }
        let here = self.threads.get(id).cloned().flatten();
        let incarnation = cell(mention, mentions::INCARNATION);
        Ok(here.filter(|here| here.life[1] == *incarnation))
    }

    fn find(&self, id: &str) -> Result<Option<Here>, ApiError> {
        let Ok(id) = ThreadId::parse(id) else {
            return Ok(None);
        };
        let thread = match readable(self.view, self.caller, &id) {
            Ok(thread) => thread,
            Err(error) if error.kind() == ErrorType::ThreadNotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let life = life(&thread);
        let own = Author::principal(&self.caller.principal);
        let read_to = self
            .receipt(&life, &self.wanted.mentioned)?
            .max(self.receipt(&life, own.as_str())?);
        Ok(Some(Here { life, read_to }))
    }

    /// How far somebody has read a life of a thread.
    fn receipt(&self, life: &[Value; 2], by: &str) -> Result<Option<i64>, RowsFailure> {
        let [thread, incarnation] = life.clone();
        let key = [thread, incarnation, Value::text(by)];
        let row = self.view.get(self.caller.project, receipts::TABLE, &key)?;
        Ok(row.and_then(|row| cell(&row, receipts::POSITION).as_int()))
    }
}

fn offset_of(mention: &[Value]) -> Offset {
    let offset = cell(mention, mentions::OFFSET).as_int().unwrap_or_default();
    Offset(u64::try_from(offset).unwrap_or(0))
}
