//! What the indexes hold of a row.

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::RowsFailure;
use everlog_domain::tables::{Index, Row, TableSchema, Uniqueness};
use everlog_domain::value::Value;

use super::layout;
use super::store::{Reader, Writes, damaged};

/// A row's place.
pub(super) struct Place<'a> {
    pub(super) project: ProjectNumber,
    pub(super) schema: &'a TableSchema,
    pub(super) row_key: &'a [u8],
}

impl Place<'_> {
    fn primary(&self) -> &[u8] {
        layout::primary_of(self.row_key)
    }

    /// Takes away the entries of `old` that `new` does not have.
    pub(super) fn remove_entries(&self, writes: &mut Writes, old: &Row, new: Option<&Row>) {
        for index in &self.schema.indexes {
            if !new.is_some_and(|new| same_entry(index, old, new)) && holds(index, old) {
                writes.remove(self.index_key(index, old));
            }
        }
        let kept = new.map(|new| self.readers(new)).unwrap_or_default();
        for role in self.readers(old) {
            if !kept.contains(role) {
                writes.remove(self.posting(role));
            }
        }
    }

    /// Adds the entries of `new` that `old` does not have. A unique entry that another row holds
    /// is damage: decisions check first.
    pub(super) fn add_entries(
        &self,
        reader: &Reader,
        writes: &mut Writes,
        old: Option<&Row>,
        new: &Row,
    ) -> Result<(), RowsFailure> {
        for index in &self.schema.indexes {
            if !old.is_some_and(|old| same_entry(index, old, new)) && holds(index, new) {
                self.add_entry(reader, writes, index, new)?;
            }
        }
        let kept = old.map(|old| self.readers(old)).unwrap_or_default();
        for role in self.readers(new) {
            if !kept.contains(role) {
                writes.put(self.posting(role), Vec::new());
            }
        }
        Ok(())
    }

    fn add_entry(
        &self,
        reader: &Reader,
        writes: &mut Writes,
        index: &Index,
        row: &Row,
    ) -> Result<(), RowsFailure> {
        let key = self.index_key(index, row);
        if index.uniqueness == Uniqueness::Shared {
            writes.put(key, Vec::new());
            return Ok(());
        }
        let taken = match writes.of(&key) {
            Some(written) => written.is_some(),
            None => reader.get(&key)?.is_some(),
        };
        if taken {
            let reason = format!("unique index {} has another row", index.number);
            return Err(damaged(self.row_key, &reason));
        }
        writes.put(key, self.primary().to_vec());
        Ok(())
    }

    fn index_key(&self, index: &Index, row: &Row) -> Vec<u8> {
        let mut key = layout::index(self.project, self.schema.number, index);
        layout::push_indexed(&mut key, index, cells(index, row));
        if index.uniqueness == Uniqueness::Shared {
            layout::push_primary(&mut key, index, self.primary());
        }
        key
    }

    fn posting(&self, role: &Value) -> Vec<u8> {
        let role = role.as_text().unwrap_or_default();
        let mut key = layout::postings(self.project, self.schema.number, role);
        key.extend_from_slice(self.primary());
        key
    }

    fn readers<'r>(&self, row: &'r Row) -> &'r [Value] {
        let cell = self.schema.readers.and_then(|place| row.get(place));
        cell.map(Value::as_list).unwrap_or_default()
    }
}

pub(super) fn cells<'a>(index: &Index, row: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    let places = index.columns.iter().map(|(place, _)| *place);
    places.map(move |place| row.get(place).unwrap_or(&Value::Null))
}

/// Whether an index has an entry for the row. Where rows may share a key, those with a null are
/// kept as well (although `find` does not lead to them): so the index lists all rows in order.
fn holds(index: &Index, row: &Row) -> bool {
    let first = cells(index, row).next();
    index.uniqueness == Uniqueness::Shared || first.is_some_and(|first| !first.is_null())
}

fn same_entry(index: &Index, old: &Row, new: &Row) -> bool {
    let mut pairs = cells(index, old).zip(cells(index, new));
    pairs.all(|(old, new)| old.total_cmp(new).is_eq())
}
