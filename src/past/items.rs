//! The items of a thread at a moment.

use std::collections::BTreeSet;

use everlog_domain::ids::{ItemId, Position};
use everlog_domain::ports::{Page, Visibility};
use everlog_domain::query::{Comparison, Cursor, Filter, Query};
use everlog_domain::tables::system::{self, items};
use everlog_domain::tables::{Row, RowChange, RowKey, TableSchema};
use everlog_domain::value::Value;

use super::events::Past;
use super::lives::ThreadThen;
use super::merge::Merged;
use crate::error::{ApiError, ErrorType};

/// The items of a thread at a moment: today's rows up to a position, but for those that were
/// changed since.
pub(crate) struct ItemsThen {
    pub(crate) thread: ThreadThen,
    /// The newest position of the thread then.
    pub(super) last: Position,
    /// Whether today's rows are looked at: not if the thread is gone, nor where it was so short
    /// then that it is sooner read from its beginning.
    today: bool,
    /// Up to which position it shares the items of another, if it is a fork: those are today's rows
    /// whatever became of it.
    shared: Option<Position>,
    changed: BTreeSet<RowKey>,
    pub(super) then: Vec<Row>,
}

impl ItemsThen {
    /// Up to which position today's rows are those of then, but for the changed ones.
    fn of_today(&self) -> Option<Position> {
        if self.today {
            Some(self.last)
        } else {
            self.shared
        }
    }
}

/// From which item on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ItemCursor<'a> {
    /// The page after it.
    After(&'a str),
    /// The page before it.
    Before(&'a str),
}

impl Past<'_> {
    /// The items of a thread that the caller may read.
    pub(crate) fn items(&self, thread: ThreadThen) -> Result<ItemsThen, ApiError> {
        let life = &thread.life;
        let last = self.position_at(life, thread.newest, self.at)?;
        let since = thread.newest.0.saturating_sub(last.0);
        let today = thread.living && since <= last.0;
        let (mut changed, mut rows) = if today {
            let changed = self.items_changed_since(life, last)?;
            let rows = self.fold_items(life, last, &changed)?;
            (changed, rows)
        } else {
            (BTreeSet::new(), self.fold_all_items(life)?)
        };
        let shared = self.shared_until(life)?;
        if shared.is_some() {
            for (position, copy) in self.items_copied(life)? {
                if copy.offset > self.at {
                    changed.insert(position);
                    let (table, row) = (items::TABLE, copy.row);
                    rows.apply(RowChange::Insert { table, row });
                } else if !today {
                    // it is among those that were read, as it had become by then
                    changed.insert(position);
                }
            }
        }
        let key = |position: &Position| {
            let [id, incarnation] = thread.prefix();
            RowKey(vec![id, incarnation, Value::counter(position.0)])
        };
        Ok(ItemsThen {
            changed: changed.iter().map(key).collect(),
            then: rows.into_rows(items::TABLE).collect(),
            thread,
            last,
            today,
            shared,
        })
    }

    /// An item by its id, with what had been written of it.
    pub(crate) fn item(&self, items: &ItemsThen, item: &ItemId) -> Result<Row, ApiError> {
        let row = self.item_row(items, item.as_str())?;
        let row = row.ok_or_else(|| {
            let message = "no item with this id was found in this thread";
            ApiError::new(ErrorType::ItemNotFound, message)
        })?;
        let rows = self.written(items, vec![row])?;
        rows.into_iter()
            .next()
            .ok_or_else(|| ApiError::internal("an item is gone while it is read"))
    }

    /// A page of items, with what had been written of them.
    pub(crate) fn list_items(
        &self,
        items: &ItemsThen,
        query: &Query,
        cursor: Option<ItemCursor<'_>>,
    ) -> Result<Page, ApiError> {
        let schema = schema()?;
        let mut query = query.clone();
        query.cursor = match cursor {
            Some(ItemCursor::After(id)) => Some(Cursor::After(self.named(items, id)?)),
            Some(ItemCursor::Before(id)) => Some(Cursor::Before(self.named(items, id)?)),
            None => None,
        };
        let [id, incarnation] = items.thread.prefix();
        let there = |until: Position| {
            vec![
                Filter::equal(items::THREAD, id),
                Filter::equal(items::INCARNATION, incarnation),
                Filter::Compare {
                    column: items::POSITION,
                    comparison: Comparison::LessOrEqual,
                    values: vec![Value::counter(until.0)],
                },
            ]
        };
        let mut changed_seen = Vec::new();
        for key in &items.changed {
            let row = self.view.get(self.project(), items::TABLE, &key.0)?;
            changed_seen.extend(row);
        }
        let merged = Merged {
            view: self.view,
            project: self.project(),
            schema,
            query: &query,
            visibility: Visibility::All,
            today: items.of_today().map(there),
            changed: items.changed.clone(),
            changed_seen,
            then: items.then.clone(),
        };
        let page = merged.page()?;
        Ok(Page {
            total: page.total,
            rows: self.written(items, page.rows)?,
        })
    }

    fn named(&self, items: &ItemsThen, id: &str) -> Result<Vec<Value>, ApiError> {
        let row = self.item_row(items, id)?.ok_or_else(|| {
            let message = "the cursor names no item of this thread";
            ApiError::new(ErrorType::CursorNotFound, message)
        })?;
        Ok(schema()?.key_of(&row))
    }

    fn item_row(&self, items: &ItemsThen, id: &str) -> Result<Option<Row>, ApiError> {
        let mut then = items.then.iter();
        let named = |row: &&Row| row.get(items::ID).and_then(Value::as_text) == Some(id);
        if let Some(row) = then.find(named) {
            return Ok(Some(row.clone()));
        }
        let Some(until) = items.of_today() else {
            return Ok(None);
        };
        let [thread, incarnation] = items.thread.prefix();
        let values = [thread, incarnation, Value::text(id)];
        let row = self
            .view
            .find(self.project(), items::TABLE, items::BY_ID, &values)?;
        let schema = schema()?;
        let there = |row: &Row| {
            let position = row.get(items::POSITION).and_then(Value::as_int);
            let position = position.and_then(|position| u64::try_from(position).ok());
            position.is_some_and(|position| position <= until.0)
                && !items.changed.contains(&RowKey(schema.key_of(row)))
        };
        Ok(row.filter(there))
    }
}

fn schema() -> Result<&'static TableSchema, ApiError> {
    system::table(items::TABLE).ok_or_else(|| ApiError::internal("no table of items"))
}
