//! The rows that a batch touches: each is read once and written once, however often it changes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{RowDelta, RowsFailure};
use everlog_domain::tables::{Index, Row, RowChange, TableNumber, TableSchema, Uniqueness, system};
use everlog_domain::value::Value;

use super::entries::Place;
use super::hot::HotRows;
use super::purges::Purges;
use super::row_bytes::{self, StoredRow};
use super::store::{Reader, Writes, damaged, engine};
use super::unique::UniqueKeys;
use super::{clash, layout};

/// See the module's description.
pub(super) struct Overlay<'a> {
    reader: &'a Reader,
    purges: Purges,
    slots: BTreeMap<Vec<u8>, Slot>,
    unique: UniqueKeys<'a>,
    hot: &'a mut HotRows,
    /// Purges of this batch, as the beginnings of rows' keys.
    pub(super) purged: Vec<Vec<u8>>,
}

struct Slot {
    project: ProjectNumber,
    schema: &'static TableSchema,
    /// As it lies in the database.
    stored: Option<Arc<Row>>,
    /// As the batch leaves it.
    current: Option<Arc<Row>>,
    /// Bytes of the row that the batch writes, if it writes one.
    written_bytes: Option<usize>,
}

impl<'a> Overlay<'a> {
    /// `purges`: those that were not finished before the batch.
    pub(super) fn new(reader: &'a Reader, purges: Purges, hot: &'a mut HotRows) -> Self {
        Self {
            hot,
            reader,
            purges,
            slots: BTreeMap::new(),
            unique: UniqueKeys::new(reader),
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
            RowChange::Purge {
                table,
                prefix,
                unless,
            } => {
                let spared = match &unless {
                    Some(place) => self.current(project, place.table, &place.key)?.is_some(),
                    None => false,
                };
                if !spared {
                    self.purge(layout::row(project, table, &prefix))?;
                }
                Ok(None)
            }
            RowChange::Keep {
                table,
                key,
                versions,
                last,
                only_with,
            } => {
                if self
                    .current(project, only_with.table, &only_with.key)?
                    .is_none()
                {
                    return Ok(None);
                }
                let Some(row) = self.current(project, table, &key)? else {
                    return Ok(None);
                };
                let mut version = row.as_ref().clone();
                version.push(last);
                self.insert(project, versions, version)
            }
        }
    }

    /// A row as the batch has left it so far.
    fn current(
        &mut self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Arc<Row>>, RowsFailure> {
        let row_key = layout::row(project, table, key);
        self.load(project, schema_of(table)?, &row_key)?;
        let slot = self.slots.get(&row_key);
        Ok(slot.and_then(|slot| slot.current.clone()))
    }

    /// A row with the same key stays as it is, and the second is not put: see [`super::unique`]
    /// for why this is no refusal.
    fn insert(
        &mut self,
        project: ProjectNumber,
        table: TableNumber,
        row: Row,
    ) -> Result<Option<RowDelta>, RowsFailure> {
        let schema = schema_of(table)?;
        let row_key = layout::row_of(project, schema, &row);
        if row.len() != schema.columns.len() {
            let (expected, found) = (schema.columns.len(), row.len());
            let reason = format!("a row has {expected} cells, found {found}");
            return Err(damaged(&row_key, &reason));
        }
        if schema.keyed_by_position {
            return self.begin(project, schema, row_key, row);
        }
        self.load(project, schema, &row_key)?;
        let Some(slot) = self.slots.get_mut(&row_key) else {
            return Ok(None);
        };
        let place = slot.place(&row_key);
        if slot.current.is_some() {
            clash::row_exists(&place);
            return Ok(None);
        }
        self.unique.turn(&place, None, Some(&row), &self.purges)?;
        let row = Arc::new(row);
        slot.current = Some(Arc::clone(&row));
        Ok(schema.readers.is_some().then(|| RowDelta {
            table,
            before: None,
            after: Some(row),
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
        let row_key = layout::row(project, table, key);
        self.load(project, schema, &row_key)?;
        let Some(slot) = self.slots.get_mut(&row_key) else {
            return Ok(None);
        };
        let place = slot.place(&row_key);
        let Some(row) = &mut slot.current else {
            return Ok(None);
        };
        let moves_unique_keys = set.iter().any(|(column, _)| is_unique(schema, *column));
        let before = Arc::clone(row);
        let cells = Arc::make_mut(row);
        for (column, value) in set {
            match cells.get_mut(column) {
                Some(cell) if !schema.key.contains(&column) => *cell = value,
                _ => {
                    let reason = format!("column {column} cannot be updated");
                    return Err(damaged(&row_key, &reason));
                }
            }
        }
        if moves_unique_keys {
            self.unique
                .turn(&place, Some(&before), Some(row), &self.purges)?;
        }
        let after = Arc::clone(row);
        let tells = schema.readers.is_some() && before != after;
        Ok(tells.then(|| RowDelta {
            table,
            before: Some(before),
            after: Some(after),
        }))
    }

    fn delete(
        &mut self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<RowDelta>, RowsFailure> {
        let schema = schema_of(table)?;
        let row_key = layout::row(project, table, key);
        self.load(project, schema, &row_key)?;
        let slot = self.slots.get_mut(&row_key);
        let Some(before) = slot.and_then(|slot| slot.current.take()) else {
            return Ok(None);
        };
        let place = Place {
            project,
            schema,
            row_key: &row_key,
        };
        self.unique
            .turn(&place, Some(&before), None, &self.purges)?;
        Ok(schema.readers.is_some().then_some(RowDelta {
            table,
            before: Some(before),
            after: None,
        }))
    }

    /// Rows of this batch go at once; those in the database are for [`super::purge`].
    fn purge(&mut self, prefix: Vec<u8>) -> Result<(), RowsFailure> {
        self.purges.add(&prefix);
        let from = (Bound::Included(prefix.as_slice()), Bound::Unbounded);
        let slots = self.slots.range_mut::<[u8], _>(from);
        for (row_key, slot) in slots.take_while(|(key, _)| key.starts_with(&prefix)) {
            if let Some(row) = slot.current.take() {
                let place = slot.place(row_key);
                self.unique.turn(&place, Some(&row), None, &self.purges)?;
            }
        }
        self.purged.push(prefix);
        Ok(())
    }

    /// Reads a row, unless the batch has.
    fn load(
        &mut self,
        project: ProjectNumber,
        schema: &'static TableSchema,
        row_key: &[u8],
    ) -> Result<(), RowsFailure> {
        if self.slots.contains_key(row_key) {
            return Ok(());
        }
        let stored = match self.hot.get(row_key) {
            Some(row) => Some(row),
            None => stored_row(self.reader, row_key)?.map(Arc::new),
        };
        let mut slot = Slot {
            project,
            schema,
            current: stored.clone(),
            stored,
            written_bytes: None,
        };
        if self.purges.cover(row_key)
            && let Some(hidden) = slot.current.take()
        {
            // The batch has the last word on it from here on, and removes it.
            let place = slot.place(row_key);
            self.unique
                .turn(&place, Some(&hidden), None, &self.purges)?;
        }
        self.slots.insert(row_key.to_vec(), slot);
        Ok(())
    }

    /// Inserts a row of which it is known that the database does not have it.
    fn begin(
        &mut self,
        project: ProjectNumber,
        schema: &'static TableSchema,
        row_key: Vec<u8>,
        row: Row,
    ) -> Result<Option<RowDelta>, RowsFailure> {
        let place = Place {
            project,
            schema,
            row_key: &row_key,
        };
        if self
            .slots
            .get(&row_key)
            .is_some_and(|slot| slot.current.is_some())
        {
            clash::row_exists(&place);
            return Ok(None);
        }
        self.unique.turn(&place, None, Some(&row), &self.purges)?;
        let row = Arc::new(row);
        let delta = schema.readers.is_some().then(|| RowDelta {
            table: schema.number,
            before: None,
            after: Some(Arc::clone(&row)),
        });
        let slot = Slot {
            project,
            schema,
            stored: None,
            current: Some(row),
            written_bytes: None,
        };
        self.slots.insert(row_key, slot);
        Ok(delta)
    }

    /// A row of the database goes that the batch did not touch.
    pub(super) fn forget(
        &mut self,
        writes: &mut Writes,
        place: &Place<'_>,
        row: &Row,
    ) -> Result<(), RowsFailure> {
        self.unique.turn(place, Some(row), None, &self.purges)?;
        place.remove_entries(writes, row, None);
        writes.remove(place.row_key);
        Ok(())
    }

    /// Writes who holds the keys of unique indexes: the last that the batch does to them.
    pub(super) fn write_unique(&mut self, writes: &mut Writes) {
        std::mem::replace(&mut self.unique, UniqueKeys::new(self.reader)).write(writes);
    }

    /// Keeps what the batch updated, once it is written: it is often updated again.
    pub(super) fn keep_hot(self) {
        // What the batch began was not kept before.
        let stored = self.slots.into_iter();
        for (row_key, slot) in stored.filter(|(_, slot)| slot.stored.is_some()) {
            match (slot.current, slot.written_bytes) {
                (Some(row), Some(bytes)) => self.hot.put(row_key, row, bytes),
                // Gone, or only looked at.
                _ => self.hot.forget(&row_key),
            }
        }
        for prefix in &self.purged {
            self.hot.forget_under(prefix);
        }
    }

    /// Whether the batch has the last word on a row.
    pub(super) fn has(&self, row_key: &[u8]) -> bool {
        self.slots.contains_key(row_key)
    }

    /// Writes what changed, but for the keys of unique indexes.
    pub(super) fn write(&mut self, writes: &mut Writes) -> Result<(), RowsFailure> {
        let mut bytes = Vec::new();
        let slots = self.slots.iter_mut();
        for (row_key, slot) in slots.filter(|(_, slot)| slot.stored != slot.current) {
            let place = slot.place(row_key);
            if let Some(old) = &slot.stored {
                place.remove_entries(writes, old, slot.current.as_deref());
            }
            let Some(new) = &slot.current else {
                writes.remove(row_key.as_slice());
                continue;
            };
            if self.purges.cover(row_key) {
                return Err(damaged(row_key, "the row belongs to a life that is over"));
            }
            place.add_entries(writes, slot.stored.as_deref(), new);
            bytes.clear();
            let encoded = row_bytes::encode(&mut bytes, new);
            encoded.map_err(|error| damaged(row_key, &error.to_string()))?;
            slot.written_bytes = Some(bytes.len());
            writes.put(row_key.as_slice(), bytes.as_slice());
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

fn is_unique(schema: &TableSchema, column: usize) -> bool {
    let unshared = |index: &&Index| index.uniqueness != Uniqueness::Shared;
    let mut indexes = schema.indexes.iter().filter(unshared);
    indexes.any(|index| index.columns.iter().any(|(place, _)| *place == column))
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
