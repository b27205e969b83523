//! Rows in memory, folded from what events do to them: the past of a few rows, without an engine.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Row, RowChange, TableNumber, system};
use crate::value::Value;

/// A primary key, in the order of its values.
#[derive(Debug, Clone)]
pub struct RowKey(pub Vec<Value>);

impl Ord for RowKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let unequal = pairs.map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        unequal.unwrap_or_else(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for RowKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RowKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RowKey {}

/// Rows of some tables, as the changes so far left them.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    rows: BTreeMap<(TableNumber, RowKey), Row>,
    bytes: usize,
}

impl RowSet {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a change, by the rules that an engine follows: the first row of a key stays, and
    /// what is not there stays absent.
    pub fn apply(&mut self, change: RowChange) {
        match change {
            RowChange::Insert { table, row } => {
                let Some(schema) = system::table(table) else {
                    return;
                };
                let key = (table, RowKey(schema.key_of(&row)));
                if !self.rows.contains_key(&key) {
                    self.bytes += weight(&row);
                    self.rows.insert(key, row);
                }
            }
            RowChange::Update { table, key, set } => {
                let Some(row) = self.rows.get_mut(&(table, RowKey(key))) else {
                    return;
                };
                self.bytes -= weight(row);
                write(row, set);
                self.bytes += weight(row);
            }
            RowChange::Delete { table, key } => {
                if let Some(row) = self.rows.remove(&(table, RowKey(key))) {
                    self.bytes -= weight(&row);
                }
            }
            RowChange::Purge {
                table,
                prefix,
                unless,
            } => {
                if unless.is_some_and(|row| self.get(row.table, &row.key).is_some()) {
                    return;
                }
                let bytes = &mut self.bytes;
                self.rows.retain(|(of, key), row| {
                    let goes = *of == table && begins(key, &prefix);
                    if goes {
                        *bytes -= weight(row);
                    }
                    !goes
                });
            }
            RowChange::Keep {
                table,
                key,
                versions,
                last,
                only_with,
            } => {
                let kept = self.get(only_with.table, &only_with.key).is_some();
                if let Some(row) = self.get(table, &key).filter(|_| kept) {
                    let mut row = row.clone();
                    row.push(last);
                    let table = versions;
                    self.apply(RowChange::Insert { table, row });
                }
            }
        }
    }

    /// A row by primary key.
    #[must_use]
    pub fn get(&self, table: TableNumber, key: &[Value]) -> Option<&Row> {
        self.rows.get(&(table, RowKey(key.to_vec())))
    }

    /// A table's rows, in the order of their keys.
    pub fn into_rows(self, table: TableNumber) -> impl Iterator<Item = Row> {
        let of_table = move |((of, _), row)| (of == table).then_some(row);
        self.rows.into_iter().filter_map(of_table)
    }

    /// Bytes of memory that the rows take, roughly.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn weight(row: &[Value]) -> usize {
    row.iter().map(Value::memory_bytes).sum()
}

fn write(row: &mut Row, set: Vec<(usize, Value)>) {
    for (place, value) in set {
        if let Some(cell) = row.get_mut(place) {
            *cell = value;
        }
    }
}

fn begins(key: &RowKey, prefix: &[Value]) -> bool {
    let mut pairs = key.0.iter().zip(prefix);
    key.0.len() >= prefix.len() && pairs.all(|(a, b)| a.total_cmp(b).is_eq())
}

/// The row of a table that a change is about: its table and its primary key. None of a purge.
#[must_use]
pub fn row_of_change(change: &RowChange) -> Option<(TableNumber, RowKey)> {
    match change {
        RowChange::Insert { table, row } => {
            let schema = system::table(*table)?;
            Some((*table, RowKey(schema.key_of(row))))
        }
        RowChange::Update { table, key, .. } | RowChange::Delete { table, key } => {
            Some((*table, RowKey(key.clone())))
        }
        RowChange::Purge { .. } | RowChange::Keep { .. } => None,
    }
}

/// A row as it was at a moment, put together from what is known of it and from the changes before
/// that moment, the newest first: only as far back as a cell is still unknown.
#[derive(Debug, Clone)]
pub struct RowBefore {
    row: Row,
    unknown: BTreeSet<usize>,
    gone: bool,
}

impl RowBefore {
    /// A row whose cells at some places were written after the moment; the others are today's.
    #[must_use]
    pub const fn changed(today: Row, since: BTreeSet<usize>) -> Self {
        Self {
            row: today,
            unknown: since,
            gone: false,
        }
    }

    /// A row of which nothing is known.
    #[must_use]
    pub fn unknown(columns: usize) -> Self {
        Self::changed(vec![Value::Null; columns], (0..columns).collect())
    }

    /// Whether every cell is known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.gone || self.unknown.is_empty()
    }

    /// Takes in what an earlier event did to the row.
    pub fn take(&mut self, change: RowChange) {
        if self.is_whole() {
            return;
        }
        match change {
            RowChange::Insert { row, .. } => {
                for place in std::mem::take(&mut self.unknown) {
                    self.write(place, row.get(place).cloned().unwrap_or(Value::Null));
                }
            }
            RowChange::Update { set, .. } => {
                // of one place that is set twice the last word counts
                for (place, value) in set.into_iter().rev() {
                    if self.unknown.remove(&place) {
                        self.write(place, value);
                    }
                }
            }
            RowChange::Delete { .. } | RowChange::Purge { .. } => self.gone = true,
            RowChange::Keep { .. } => {}
        }
    }

    /// The row, if it was there and every cell is known.
    #[must_use]
    pub fn into_row(self) -> Option<Row> {
        (!self.gone && self.unknown.is_empty()).then_some(self.row)
    }

    fn write(&mut self, place: usize, value: Value) {
        if let Some(cell) = self.row.get_mut(place) {
            *cell = value;
        }
    }
}

/// The places that a change writes in a row.
#[must_use]
pub fn places_of(change: &RowChange) -> BTreeSet<usize> {
    match change {
        RowChange::Insert { row, .. } => (0..row.len()).collect(),
        RowChange::Update { set, .. } => set.iter().map(|(place, _)| *place).collect(),
        RowChange::Delete { .. } | RowChange::Purge { .. } | RowChange::Keep { .. } => {
            BTreeSet::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::system::threads;

    fn row(name: &str) -> Row {
        let mut row = vec![Value::Null; threads::READERS + 1];
        row[threads::ID] = "t".into();
        row[threads::NAME] = name.into();
        row
    }

    fn rename(name: &str) -> RowChange {
        RowChange::Update {
            table: threads::TABLE,
            key: vec!["t".into()],
            set: vec![(threads::NAME, name.into())],
        }
    }

    fn insert(name: &str) -> RowChange {
        RowChange::Insert {
            table: threads::TABLE,
            row: row(name),
        }
    }

    #[test]
    fn what_is_not_there_stays_absent_and_the_first_row_stays() {
        let mut set = RowSet::new();
        set.apply(rename("early"));
        assert_eq!(set.get(threads::TABLE, &["t".into()]), None);
        set.apply(insert("first"));
        set.apply(insert("second"));
        assert_eq!(set.get(threads::TABLE, &["t".into()]), Some(&row("first")));
        set.apply(rename("third"));
        assert_eq!(set.get(threads::TABLE, &["t".into()]), Some(&row("third")));
        set.apply(RowChange::Purge {
            table: threads::TABLE,
            prefix: vec!["t".into()],
            unless: None,
        });
        assert_eq!(set.get(threads::TABLE, &["t".into()]), None);
        assert_eq!(set.bytes(), 0);
    }

    #[test]
    fn a_row_is_put_together_backwards() {
        let mut before = RowBefore::changed(row("now"), BTreeSet::from([threads::NAME]));
        before.take(rename("then"));
        before.take(rename("earlier"));
        assert_eq!(before.into_row(), Some(row("then")));
        let mut unknown = RowBefore::unknown(threads::READERS + 1);
        unknown.take(rename("then"));
        assert!(!unknown.is_whole());
        unknown.take(insert("first"));
        assert_eq!(unknown.into_row(), Some(row("then")));
        let mut never = RowBefore::unknown(threads::READERS + 1);
        never.take(rename("then"));
        assert_eq!(never.into_row(), None, "its beginning is not known");
    }
}
