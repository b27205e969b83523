//! Which items were changed since a moment, and what they were before.

use std::collections::BTreeSet;

use everlog_domain::envelope::EventKind;
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, Position};
use everlog_domain::tables::system::items;
use everlog_domain::tables::{RowChange, RowSet, row_of_change};
use everlog_domain::value::Value;

use super::events::{Life, Past, Step, may_change_items};
use crate::error::ApiError;

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
