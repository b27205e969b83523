//! What the indexes hold of a row. Of unique ones, [`super::unique`] knows more.

use everlog_domain::ids::ProjectNumber;
use everlog_domain::tables::{Index, Row, TableSchema, Uniqueness};
use everlog_domain::value::Value;

use super::layout;
use super::store::Writes;

/// A row's place.
pub(super) struct Place<'a> {
    pub(super) project: ProjectNumber,
    pub(super) schema: &'a TableSchema,
    pub(super) row_key: &'a [u8],
}

impl Place<'_> {
    pub(super) fn primary(&self) -> &[u8] {
        layout::primary_of(self.row_key)
    }

    /// Takes away the shared entries and the postings of `old` that `new` does not have.
    pub(super) fn remove_entries(&self, writes: &mut Writes, old: &Row, new: Option<&Row>) {
        for index in self.shared_indexes() {
            if !new.is_some_and(|new| same_entry(index, old, new)) {
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

    /// Adds the shared entries and the postings of `new` that `old` does not have.
    pub(super) fn add_entries(&self, writes: &mut Writes, old: Option<&Row>, new: &Row) {
        for index in self.shared_indexes() {
            if !old.is_some_and(|old| same_entry(index, old, new)) {
                writes.put(self.index_key(index, new), Vec::new());
            }
        }
        let kept = old.map(|old| self.readers(old)).unwrap_or_default();
        for role in self.readers(new) {
            if !kept.contains(role) {
                writes.put(self.posting(role), Vec::new());
            }
        }
    }

    fn shared_indexes(&self) -> impl Iterator<Item = &Index> {
        let indexes = self.schema.indexes.iter();
        indexes.filter(|index| index.uniqueness == Uniqueness::Shared)
    }

    pub(super) fn index_key(&self, index: &Index, row: &Row) -> Vec<u8> {
        let (project, table) = (self.project, self.schema.number);
        layout::index_entry(project, table, index, cells(index, row), self.primary())
    }

    /// The key of the mark that an index leaves this row out.
    pub(super) fn left_out_key(&self, index: &Index) -> Vec<u8> {
        let mut key = layout::left_out(self.project, self.schema.number, index);
        key.extend_from_slice(self.primary());
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
pub(super) fn holds(index: &Index, row: &Row) -> bool {
    let first = cells(index, row).next();
    index.uniqueness == Uniqueness::Shared || first.is_some_and(|first| !first.is_null())
}

pub(super) fn same_entry(index: &Index, old: &Row, new: &Row) -> bool {
    let mut pairs = cells(index, old).zip(cells(index, new));
    pairs.all(|(old, new)| old.total_cmp(new).is_eq())
}
