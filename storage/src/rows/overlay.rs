//! The rows that a batch touches: each is read once and written once, however often it changes.

use std::collections::BTreeMap;
use std::ops::Bound;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{RowDelta, RowsFailure};
use everlog_domain::tables::{Row, RowChange, TableNumber, TableSchema, system};
use everlog_domain::value::Value;

use super::entries::Place;
use super::layout;
use super::purges::Purges;
use super::row_bytes::{self, StoredRow};
use super::store::{Reader, Writes, damaged, engine};

/// See the module's description.
pub(super) struct Overlay<'a> {
    reader: &'a Reader,
    purges: Purges,
    slots: BTreeMap<Vec<u8>, Slot>,
    /// Purges of this batch, as the beginnings of rows' keys.
    pub(super) purged: Vec<Vec<u8>>,
}

struct Slot {
    project: ProjectNumber,
    schema: &'static TableSchema,
    /// As it lies in the database.
    stored: Option<Row>,
    /// As the batch leaves it.
    current: Option<Row>,
}

impl<'a> Overlay<'a> {
    /// `purges`: those that were not finished before the batch.
    pub(super) fn new(reader: &'a Reader, purges: Purges) -> Self {
        Self {
            reader,
            purges,
            slots: BTreeMap::new(),
            purged: Vec::new(),
        }
    }

    /// Makes one change. Answers with it if the table has readers and the row did change.
    pub(super) fn change(
        &mut self,
        project: ProjectNumber,
        change: RowChange,
    ) -> Result<Option<RowDelta>, RowsFailure> {
        match change {
            RowChange::Insert { table, row } => self.insert(project, table, row),
            RowChange::Update { table, key, set } => self.update(project, table, &key, set),
            RowChange::Delete { table, key } => self.delete(project, table, &key),
            RowChange::Purge { table, prefix } => {
                self.purge(layout::row(project, table, &prefix));
                Ok(None)
            }
        }
    }

    fn insert(
        &mut self,
        project: ProjectNumber,
        table: TableNumber,
        row: Row,
    ) -> Result<Option<RowDelta>, RowsFailure> {
        let schema = schema_of(table)?;
        let key = schema.key_of(&row);
        let refuse = |reason: &str| Err(damaged(&layout::row(project, table, &key), reason));
        if row.len() != schema.columns.len() {
            let (expected, found) = (schema.columns.len(), row.len());
            return refuse(&format!("a row has {expected} cells, found {found}"));
        }
        let slot = self.slot(project, schema, &key)?;
        if slot.current.is_some() {
            return refuse("a row with this key exists already");
        }
        let after = schema.readers.is_some().then(|| row.clone());
        slot.current = Some(row);
        Ok(after.map(|after| RowDelta {
            table,
            before: None,
            after: Some(after),
        }))
    }

    fn update(
        &mut self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
        set: Vec<(usize, Value)>,
    ) -> Result<Option<RowDelta>, RowsFailure> {
        let schema = schema_of(table)?;
        let slot = self.slot(project, schema, key)?;
        let Some(row) = &mut slot.current else {
            return Ok(None);
        };
        let before = schema.readers.is_some().then(|| row.clone());
        for (column, value) in set {
            match row.get_mut(column) {
                Some(cell) if !schema.key.contains(&column) => *cell = value,
                _ => {
                    let place = layout::row(project, table, key);
                    let reason = format!("column {column} cannot be updated");
                    return Err(damaged(&place, &reason));
                }
            }
        }
        let after = before.is_some().then(|| row.clone());
        Ok((before != after).then_some(RowDelta {
            table,
            before,
            after,
        }))
    }

    fn delete(
        &mut self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<RowDelta>, RowsFailure> {
        let schema = schema_of(table)?;
        let before = self.slot(project, schema, key)?.current.take();
        let changed = schema.readers.is_some() && before.is_some();
        Ok(changed.then_some(RowDelta {
            table,
            before,
            after: None,
        }))
    }

    /// Rows of this batch go at once; those in the database are for [`super::purge`].
    fn purge(&mut self, prefix: Vec<u8>) {
        let from = (Bound::Included(prefix.as_slice()), Bound::Unbounded);
        let slots = self.slots.range_mut::<[u8], _>(from);
        for (_, slot) in slots.take_while(|(key, _)| key.starts_with(&prefix)) {
            slot.current = None;
        }
        self.purges.add(&prefix);
        self.purged.push(prefix);
    }

    fn slot(
        &mut self,
        project: ProjectNumber,
        schema: &'static TableSchema,
        key: &[Value],
    ) -> Result<&mut Slot, RowsFailure> {
        let place = layout::row(project, schema.number, key);
        match self.slots.entry(place) {
            std::collections::btree_map::Entry::Occupied(slot) => Ok(slot.into_mut()),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let stored = stored_row(self.reader, vacant.key())?;
                let hidden = self.purges.cover(vacant.key());
                let current = if hidden { None } else { stored.clone() };
                Ok(vacant.insert(Slot {
                    project,
                    schema,
                    stored,
                    current,
                }))
            }
        }
    }

    /// Whether the batch has the last word on a row.
    pub(super) fn has(&self, row_key: &[u8]) -> bool {
        self.slots.contains_key(row_key)
    }

    /// Writes what changed. Entries are taken away before any is added, so that a unique key may
    /// pass from one row to another.
    pub(super) fn write(&self, writes: &mut Writes) -> Result<(), RowsFailure> {
        let changed = || {
            self.slots
                .iter()
                .filter(|(_, slot)| slot.stored != slot.current)
        };
        for (row_key, slot) in changed() {
            if let Some(old) = &slot.stored {
                slot.place(row_key)
                    .remove_entries(writes, old, slot.current.as_ref());
            }
        }
        for (row_key, slot) in changed() {
            let Some(new) = &slot.current else {
                writes.remove(row_key.clone());
                continue;
            };
            if self.purges.cover(row_key) {
                return Err(damaged(row_key, "the row belongs to a life that is over"));
            }
            let place = slot.place(row_key);
            place.add_entries(self.reader, writes, slot.stored.as_ref(), new)?;
            let bytes = row_bytes::encode(new);
            let bytes = bytes.map_err(|error| damaged(row_key, &error.to_string()))?;
            writes.put(row_key.clone(), bytes);
        }
        Ok(())
    }
}

impl Slot {
    fn place<'a>(&self, row_key: &'a [u8]) -> Place<'a> {
        Place {
            project: self.project,
            schema: self.schema,
            row_key,
        }
    }
}

pub(super) fn schema_of(table: TableNumber) -> Result<&'static TableSchema, RowsFailure> {
    system::table(table).ok_or_else(|| engine(&format_args!("there is no table {}", table.0)))
}

/// A row as it lies in the database.
pub(super) fn stored_row(reader: &Reader, row_key: &[u8]) -> Result<Option<Row>, RowsFailure> {
    match reader.get(row_key)? {
        Some(bytes) => Ok(Some(decode(row_key, &bytes)?)),
        None => Ok(None),
    }
}

/// A row from its bytes.
pub(super) fn decode(row_key: &[u8], bytes: &[u8]) -> Result<Row, RowsFailure> {
    let row = StoredRow::new(bytes).and_then(StoredRow::row);
    row.ok_or_else(|| damaged(row_key, "the bytes are not a row"))
}
