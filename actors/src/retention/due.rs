//! Which items of a thread are over their time.

use everlog_domain::ids::{Offset, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::projects::Retention;
use everlog_domain::tables::system::{items, threads};
use everlog_domain::threads::stored::old_item_of;
use everlog_domain::threads::{ExpireItems, MAX_EXPIRED_AT_ONCE, MAX_OPEN_ITEMS, OldItem};
use everlog_domain::time::Time;
use everlog_domain::value::Value;

use super::budget::Budget;
use super::newest::{Counted, Counting, Newest};

/// Items that are read at once.
const AT_ONCE: usize = 16;

/// A thread that is looked at.
pub(super) struct Look<'a> {
    pub(super) view: &'a dyn RowsView,
    pub(super) project: ProjectNumber,
    pub(super) thread: &'a ThreadId,
    pub(super) incarnation: Offset,
    pub(super) rule: Retention,
    pub(super) cause: Offset,
    pub(super) now: Time,
}

/// What was found of it.
pub(super) enum Due {
    /// Nothing is over its time.
    Nothing,
    /// These may be.
    Items(ExpireItems),
    /// Its items are not counted yet.
    Counting(Counting),
}

impl Look<'_> {
    /// Whether items are over their time: asked of the oldest first, which mostly says no.
    pub(super) fn due(
        &self,
        counting: Option<Counting>,
        budget: &mut Budget,
    ) -> Result<Due, RowsFailure> {
        budget.spend_rows(1);
        let Some(first) = self.oldest(None, 1, budget)?.into_iter().next() else {
            return Ok(Due::Nothing);
        };
        let stays_from = match self.rule.max_items_per_thread() {
            None => None,
            Some(most) => {
                let newest = Newest {
                    view: self.view,
                    project: self.project,
                    thread: self.thread,
                    incarnation: self.incarnation,
                    oldest: first.opened,
                    most,
                };
                match newest.count(counting, budget)? {
                    Counted::Fewer => None,
                    Counted::From(position) => Some(position),
                    Counted::Paused(counting) => return Ok(Due::Counting(counting)),
                }
            }
        };
        let is_over = |item: &OldItem| {
            self.rule.is_too_old(item.created_at, self.now)
                || stays_from.is_some_and(|first| item.opened < first)
        };
        if !is_over(&first) {
            return Ok(Due::Nothing);
        }
        Ok(Due::Items(ExpireItems {
            rule: self.rule,
            cause: self.cause,
            incarnation: self.incarnation,
            oldest: self.all_over(is_over, budget)?,
            stays_from,
            now: self.now,
        }))
    }

    /// The oldest items without a gap, as long as they are over their time and fit one fact. Those
    /// that are being written stay, and stand before it.
    fn all_over(
        &self,
        is_over: impl Fn(&OldItem) -> bool,
        budget: &mut Budget,
    ) -> Result<Vec<OldItem>, RowsFailure> {
        let mut all: Vec<OldItem> = Vec::new();
        while all.len() < MAX_EXPIRED_AT_ONCE + MAX_OPEN_ITEMS {
            let page = self.oldest(all.last(), AT_ONCE, budget)?;
            let before = all.len();
            all.extend(page.into_iter().take_while(&is_over));
            if all.len() - before < AT_ONCE || !budget.is_left() {
                break;
            }
        }
        Ok(all)
    }

    fn oldest(
        &self,
        after: Option<&OldItem>,
        limit: usize,
        budget: &mut Budget,
    ) -> Result<Vec<OldItem>, RowsFailure> {
        let life = [
            Value::text(self.thread.as_str()),
            Value::counter(self.incarnation.0),
        ];
        let after = after.map(|item| {
            let [thread, incarnation] = life.clone();
            vec![thread, incarnation, Value::counter(item.opened.0)]
        });
        let rows = self
            .view
            .scan(self.project, items::TABLE, &life, after.as_deref(), limit)?;
        budget.spend(&rows);
        let read = rows
            .iter()
            .map(|row| old_item_of(row).ok_or_else(|| damaged(row)));
        read.collect()
    }
}

/// The id and the incarnation in a thread's row.
pub(super) fn life_of(row: &[Value]) -> Option<(ThreadId, Offset)> {
    let id = ThreadId::parse(row.get(threads::ID)?.as_text()?).ok()?;
    let incarnation = u64::try_from(row.get(threads::SEQUENCE)?.as_int()?).ok()?;
    Some((id, Offset(incarnation)))
}

/// A row that does not read.
pub(super) fn damaged(row: &[Value]) -> RowsFailure {
    let id = row.first().and_then(Value::as_text).unwrap_or_default();
    RowsFailure::Damaged {
        table: threads::TABLE.0,
        key: id.to_owned(),
        reason: "the thread, or an item of it, does not read".to_owned(),
    }
}
