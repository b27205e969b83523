//! What a fork from the past has of its thread: how the thread stood, and which of its items were
//! changed since.

use std::collections::BTreeSet;

use everlog_domain::envelope::Head;
use everlog_domain::ids::{ItemId, Offset, Position, ThreadId};
use everlog_domain::query::{Direction, OrderBy, Query, Total};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, open_items};
use everlog_domain::threads::stored::{copied_of, thread_of};
use everlog_domain::threads::{ItemCopied, ItemStatus, MAX_OPEN_ITEMS, ThreadRefusal, ThreadThen};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use super::events::Past;
use super::items::ItemsThen;
use crate::error::{ApiError, ErrorType};

/// Most items that a fork copies because they were changed since its moment.
const MOST_COPIES: usize = 100;
/// Most bytes of them.
const MOST_COPIED_BYTES: usize = 1024 * 1024;

/// The columns that say what an item says: a fork does not share marks.
const SAID: [usize; 5] = [
    items::STATUS,
    items::PARTS,
    items::METADATA,
    items::TOKENS,
    items::EDITED_AT,
];

/// What cannot be shared of the items as they are today.
#[derive(Default)]
struct NotShared {
    /// Items that were being written: no part of the fork.
    open: BTreeSet<Position>,
    /// Their ids.
    open_ids: Vec<ItemId>,
    /// Items that say something else by now.
    copies: Vec<ItemCopied>,
    bytes: usize,
}

impl Past<'_> {
    /// A thread at this moment as a fork begins with it, if the caller may read it today and might
    /// then. `head` is the newest event that is visible.
    pub(crate) fn thread_to_fork(
        &self,
        id: &ThreadId,
        head: Offset,
    ) -> Result<ThreadThen, ApiError> {
        let then = self.thread(id)?;
        if !then.living {
            return Err(ThreadRefusal::NotFound.into());
        }
        let incarnation = then.life.incarnation;
        let row = then.row.clone();
        let items = self.items(then)?;
        let until = items.last;
        let then = Head {
            incarnation,
            position: until,
        };
        let thread = thread_of(&row, then);
        let thread = thread.ok_or_else(|| ApiError::internal("a thread's row does not read"))?;
        let not_shared = self.not_shared(&items)?;
        let continues = thread.continues;
        Ok(ThreadThen {
            incarnation,
            at: self.at,
            until,
            access: thread.access,
            name: thread.name,
            metadata: thread.metadata,
            continues: continues.filter(|item| !not_shared.open_ids.contains(item)),
            without: not_shared.open.into_iter().collect(),
            copies: not_shared.copies,
            last_item_at: self.newest_item_at(&items)?,
            read_at: head,
        })
    }

    /// The newest event that is visible.
    pub(crate) fn newest(&self) -> Result<Offset, ApiError> {
        let head = self.view.project_head(self.project())?;
        Ok(head.map_or(Offset(0), |head| head.offset))
    }

    fn not_shared(&self, items: &ItemsThen) -> Result<NotShared, ApiError> {
        let mut found = NotShared::default();
        for row in self.still_open(items)? {
            found.leave_out(&row)?;
        }
        let life = &items.thread.life;
        for position in self.items_changed_since(life, items.last)? {
            let then = items.then.iter();
            let then = then
                .clone()
                .find(|row| counter(row, items::POSITION) == position.0);
            let Some(then) = then else { continue };
            if status(then) == Some(ItemStatus::Open.name()) {
                found.leave_out(then)?;
                continue;
            }
            let [id, incarnation] = items.thread.prefix();
            let key = [id, incarnation, Value::counter(position.0)];
            let today = self.view.get(self.project(), items::TABLE, &key)?;
            if today.is_none_or(|today| says_something_else(then, &today)) {
                found.copy(then)?;
            }
        }
        Ok(found)
    }

    /// Items that were being written then and still are.
    fn still_open(&self, items: &ItemsThen) -> Result<Vec<Row>, ApiError> {
        let prefix = items.thread.prefix();
        let table = open_items::TABLE;
        let open = self
            .view
            .scan(self.project(), table, &prefix, None, MAX_OPEN_ITEMS)?;
        let mut rows = Vec::new();
        for open in open {
            let position = open.get(open_items::POSITION).cloned();
            let [id, incarnation] = prefix.clone();
            let key = [id, incarnation, position.unwrap_or(Value::Null)];
            let row = self.view.get(self.project(), items::TABLE, &key)?;
            rows.extend(row.filter(|row| counter(row, items::POSITION) <= items.last.0));
        }
        Ok(rows)
    }

    fn newest_item_at(&self, items: &ItemsThen) -> Result<Option<Time>, ApiError> {
        let newest = Query {
            order: vec![OrderBy {
                column: items::POSITION,
                direction: Direction::Descending,
            }],
            limit: 1,
            total: Total::Skipped,
            ..Query::default()
        };
        let page = self.list_items(items, &newest, None)?;
        let newest = page.rows.first();
        Ok(newest.and_then(|row| row.get(items::CREATED_AT)?.as_time()))
    }
}

impl NotShared {
    fn leave_out(&mut self, row: &[Value]) -> Result<(), ApiError> {
        self.open.insert(Position(counter(row, items::POSITION)));
        let id = row.get(items::ID).and_then(Value::as_text);
        let id = id.and_then(|id| ItemId::parse(id).ok());
        self.open_ids.push(id.ok_or_else(unread)?);
        Ok(())
    }

    fn copy(&mut self, row: &[Value]) -> Result<(), ApiError> {
        let copy = copied_of(row).ok_or_else(unread)?;
        self.bytes += copy.bytes();
        self.copies.push(copy);
        if self.copies.len() <= MOST_COPIES && self.bytes <= MOST_COPIED_BYTES {
            return Ok(());
        }
        let message = format!(
            "at: more than {MOST_COPIES} items, or {MOST_COPIED_BYTES} bytes of them, were changed between that moment and now; name a later moment, or an item"
        );
        Err(ApiError::new(ErrorType::PastTooFar, message))
    }
}

fn says_something_else(then: &[Value], today: &[Value]) -> bool {
    SAID.iter()
        .any(|place| then.get(*place) != today.get(*place))
}

fn status(row: &[Value]) -> Option<&str> {
    row.get(items::STATUS)?.as_text()
}

fn counter(row: &[Value], place: usize) -> u64 {
    let number = row.get(place).and_then(Value::as_int);
    number
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or(0)
}

fn unread() -> ApiError {
    ApiError::internal("an item's row does not read")
}
