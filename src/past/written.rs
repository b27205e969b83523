//! What had been written of items that were open at a moment.

use std::collections::BTreeMap;

use everlog_domain::envelope::EventKind;
use everlog_domain::ids::{Offset, Position};
use everlog_domain::ports::{RowsFailure, each_page};
use everlog_domain::query::MAX_PAGE_BYTES;
use everlog_domain::tables::system::{deltas, items};
use everlog_domain::tables::{Row, RowChange};
use everlog_domain::threads::stored::{write_on, written_of};
use everlog_domain::threads::{ItemStatus, MAX_APPENDS, Written};
use everlog_domain::value::Value;

use super::events::{Past, Step};
use super::items::ItemsThen;
use crate::error::ApiError;

impl Past<'_> {
    /// The rows with what had been written of the open ones. Of an item that is still open its
    /// deltas are rows; of one that was closed since they are events only.
    pub(super) fn written(
        &self,
        items: &ItemsThen,
        mut rows: Vec<Row>,
    ) -> Result<Vec<Row>, ApiError> {
        let mut closed: BTreeMap<Position, Written> = BTreeMap::new();
        let mut from = self.at;
        let mut looked_at = 0;
        for row in rows.iter_mut().filter(|row| is_open(row)) {
            let mut written = written_of(row).ok_or_else(|| damaged(row))?;
            if self.is_still_open(items, row)? {
                self.append_rows(items, row, &mut written, &mut looked_at)?;
                put(row, &written);
            } else {
                from = from.min(Offset(counter(row, items::OFFSET)));
                closed.insert(Position(counter(row, items::POSITION)), written);
            }
        }
        if !closed.is_empty() {
            self.append_events(items, from, &mut closed)?;
            for row in rows.iter_mut().filter(|row| is_open(row)) {
                let position = Position(counter(row, items::POSITION));
                if let Some(written) = closed.get(&position) {
                    put(row, written);
                }
            }
        }
        let mut bytes = 0;
        for row in &rows {
            let before = bytes;
            bytes += weight(row);
            if before > 0 && bytes > MAX_PAGE_BYTES {
                let limit = MAX_PAGE_BYTES;
                return Err(RowsFailure::PageTooLarge { limit }.into());
            }
        }
        Ok(rows)
    }

    fn is_still_open(&self, items: &ItemsThen, row: &[Value]) -> Result<bool, ApiError> {
        if !items.thread.living {
            return Ok(false);
        }
        let [id, incarnation] = items.thread.prefix();
        let key = [id, incarnation, cell(row, items::POSITION).clone()];
        let today = self.view.get(self.project(), items::TABLE, &key)?;
        Ok(today.is_some_and(|row| is_open(&row)))
    }

    fn append_rows(
        &self,
        items: &ItemsThen,
        row: &[Value],
        written: &mut Written,
        looked_at: &mut usize,
    ) -> Result<(), ApiError> {
        let [id, incarnation] = items.thread.prefix();
        let prefix = [id, incarnation, cell(row, items::POSITION).clone()];
        each_page(
            self.view,
            self.project(),
            deltas::TABLE,
            &prefix,
            |appended| {
                *looked_at += appended.len();
                if *looked_at > MAX_APPENDS {
                    let (looked_at, limit) = (*looked_at as u64, MAX_APPENDS as u64);
                    return Err(RowsFailure::TooExpensive { looked_at, limit });
                }
                let then = |row: &&Row| counter(row, deltas::POSITION) <= items.last.0;
                for appended in appended.iter().filter(then) {
                    write_on(written, appended).ok_or_else(|| unread(row))?;
                }
                Ok(())
            },
        )?;
        Ok(())
    }

    /// One pass for all of them.
    fn append_events(
        &self,
        items: &ItemsThen,
        from: Offset,
        closed: &mut BTreeMap<Position, Written>,
    ) -> Result<(), ApiError> {
        self.each_entry(&items.thread.life, from, |entries| {
            let within = entries.partition_point(|entry| entry.offset <= self.at);
            let appends = entries.iter().take(within);
            let appends = appends.filter(|entry| entry.kind == EventKind::ItemDelta);
            let offsets: Vec<Offset> = appends.map(|entry| entry.offset).collect();
            self.each_event(&offsets, |recorded| {
                for change in recorded.row_changes() {
                    let RowChange::Insert { table, row } = change else {
                        continue;
                    };
                    let position = Position(counter(&row, deltas::ITEM_POSITION));
                    let written = closed.get_mut(&position);
                    if let Some(written) = written.filter(|_| table == deltas::TABLE) {
                        write_on(written, &row).ok_or_else(|| damaged(&row))?;
                    }
                }
                Ok(())
            })?;
            Ok(match within < entries.len() {
                true => Step::Enough,
                false => Step::On,
            })
        })
    }
}

fn is_open(row: &[Value]) -> bool {
    cell(row, items::STATUS).as_text() == Some(ItemStatus::Open.name())
}

fn put(row: &mut Row, written: &Written) {
    // parts have string keys only, so there is always a JSON form
    if let (Some(cell), Ok(parts)) = (
        row.get_mut(items::PARTS),
        serde_json::to_value(&written.parts),
    ) {
        *cell = Value::Json(parts);
    }
}

fn cell(row: &[Value], place: usize) -> &Value {
    row.get(place).unwrap_or(&Value::Null)
}

fn counter(row: &[Value], place: usize) -> u64 {
    let number = cell(row, place).as_int();
    number
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or(0)
}

fn weight(row: &[Value]) -> usize {
    row.iter().map(Value::memory_bytes).sum()
}

fn unread(item: &[Value]) -> RowsFailure {
    let position = counter(item, items::POSITION);
    RowsFailure::Engine {
        reason: format!("the item at position {position} has content that does not read"),
    }
}

fn damaged(row: &[Value]) -> ApiError {
    unread(row).into()
}
