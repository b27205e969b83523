//! Tests of the engine as a whole.

mod agreement;
mod damaged;
mod promises;
mod random;
mod remaking;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::tables::TableNumber;
use everlog_domain::value::Value;

use super::engine::FjallRows;
use super::layout;
use super::range::KeyRange;
use super::store::Writes;

impl FjallRows {
    /// Everything that the database holds.
    fn stored_bytes(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let reader = self.store().reader();
        let entries = reader.range(&KeyRange::under(Vec::new()));
        entries
            .map(|entry| {
                entry
                    .map(|(key, value)| (key.to_vec(), value.to_vec()))
                    .unwrap()
            })
            .collect()
    }

    fn stored_keys(&self) -> usize {
        self.stored_bytes().len()
    }

    pub(crate) fn mark_as_of_another_version(&self) {
        let mut writes = Writes::default();
        writes.put(layout::FINGERPRINT.to_vec(), vec![1; 32]);
        self.store().write(writes).unwrap();
    }

    fn lose_row(&self, project: ProjectNumber, table: TableNumber, key: &[Value]) {
        let mut writes = Writes::default();
        writes.remove(layout::row(project, table, key));
        self.store().write(writes).unwrap();
    }
}
