//! Which items were changed since a moment, and what they were before.

use std::collections::{BTreeMap, BTreeSet};

use everlog_domain::envelope::EventKind;
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, Position};
use everlog_domain::ports::StreamRange;
use everlog_domain::tables::system::items;
use everlog_domain::tables::{Row, RowChange, RowSet, row_of_change};
use everlog_domain::value::Value;

use super::events::{Life, Past, Step, may_change_items};
use crate::error::ApiError;

/// An item that a fork copied.
pub(super) struct Copied {
    /// When.
    pub(super) offset: Offset,
    /// As it had been until then.
    pub(super) row: Row,
}

impl Past<'_> {
    /// The positions of the items up to `last` that events after this moment changed.
    pub(super) fn items_changed_since(
        &self,
        life: &Life,
        last: Position,
    ) -> Result<BTreeSet<Position>, ApiError> {
        let mut changed = BTreeSet::new();
        let mut found = 0;
        self.each_entry(life, self.at, |entries| {
            found += u64::try_from(entries.len()).unwrap_or(u64::MAX);
            self.bounds.check_since(found)?;
            let entries = entries.iter().filter(|entry| may_change_items(entry.kind));
            let offsets: Vec<Offset> = entries.map(|entry| entry.offset).collect();
            self.each_event(&offsets, |recorded| {
                let positions = of_items(recorded).into_iter().map(|(position, _)| position);
                changed.extend(positions.filter(|position| *position <= last));
                Ok(())
            })?;
            Ok(Step::On)
        })?;
        Ok(changed)
    }

    /// The items at these positions as they were, from their own events up to a position.
    pub(super) fn fold_items(
        &self,
        life: &Life,
        last: Position,
        wanted: &BTreeSet<Position>,
    ) -> Result<RowSet, ApiError> {
        let mut rows = RowSet::new();
        let Some(&first) = wanted.first() else {
            return Ok(rows);
        };
        let mut offsets = Vec::new();
        self.each_entry_back(life, last, |entries| {
            for entry in entries {
                if entry.position < first {
                    return Ok(Step::Enough);
                }
                if wanted.contains(&entry.position) || may_change_items(entry.kind) {
                    offsets.push(entry.offset);
                }
            }
            Ok(Step::On)
        })?;
        offsets.reverse();
        self.fold_into(&mut rows, &offsets, |position| wanted.contains(&position))?;
        Ok(rows)
    }

    /// Every item as it was, from the beginning of the thread on.
    pub(super) fn fold_all_items(&self, life: &Life) -> Result<RowSet, ApiError> {
        let mut rows = RowSet::new();
        self.each_entry(life, Offset(0), |entries| {
            let found = entries.len();
            let within = entries.partition_point(|entry| entry.offset <= self.at);
            let entries = entries.iter().take(within);
            let offsets: Vec<Offset> = entries
                .filter(|entry| begins_item(entry.kind) || may_change_items(entry.kind))
                .map(|entry| entry.offset)
                .collect();
            self.fold_into(&mut rows, &offsets, |_| true)?;
            Ok(match within < found {
                true => Step::Enough,
                false => Step::On,
            })
        })?;
        Ok(rows)
    }

    /// Up to which position a life shares the items of another: a fork goes on where its source was.
    pub(super) fn shared_until(&self, life: &Life) -> Result<Option<Position>, ApiError> {
        let first = StreamRange {
            stream: life.stream.clone(),
            incarnation: life.incarnation,
            after: Offset(0),
            limit: 1,
        };
        let first = self.view.stream(self.project(), &first)?;
        let first = first.first().map(|entry| entry.position);
        let before = first.map(|first| Position(first.0.saturating_sub(1)));
        Ok(before.filter(|before| before.0 > 0))
    }

    /// The items that a fork copied before it changed them, whenever that was, as they had been.
    pub(super) fn items_copied(&self, life: &Life) -> Result<BTreeMap<Position, Copied>, ApiError> {
        let mut copied = BTreeMap::new();
        self.each_entry(life, Offset(0), |entries| {
            let copies = entries.iter();
            let copies = copies.filter(|entry| entry.kind == EventKind::ItemCopied);
            let offsets: Vec<Offset> = copies.map(|entry| entry.offset).collect();
            self.each_event(&offsets, |recorded| {
                for (position, change) in of_items(recorded) {
                    if let RowChange::Insert { row, .. } = change {
                        let offset = recorded.envelope.offset;
                        copied.insert(position, Copied { offset, row });
                    }
                }
                Ok(())
            })?;
            Ok(Step::On)
        })?;
        Ok(copied)
    }

    fn fold_into(
        &self,
        rows: &mut RowSet,
        offsets: &[Offset],
        wanted: impl Fn(Position) -> bool,
    ) -> Result<(), ApiError> {
        self.each_event(offsets, |recorded| {
            for (position, change) in of_items(recorded) {
                if wanted(position) {
                    rows.apply(change);
                }
            }
            self.bounds.check_bytes(rows.bytes())
        })
    }
}

const fn begins_item(kind: EventKind) -> bool {
    matches!(kind, EventKind::ItemPosted | EventKind::ItemOpened)
}

/// What an event does to rows of items, with the position that names each.
pub(super) fn of_items(recorded: &Recorded) -> Vec<(Position, RowChange)> {
    let changes = recorded.row_changes().into_iter();
    changes
        .filter_map(|change| {
            let (table, key) = row_of_change(&change)?;
            let position = key.0.get(2).and_then(Value::as_int)?;
            let position = Position(u64::try_from(position).ok()?);
            (table == items::TABLE).then_some((position, change))
        })
        .collect()
}
