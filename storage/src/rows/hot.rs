//! Rows that were updated lately: a busy thread's row is updated with each of its items. One thread
//! projects, so what it wrote last is what the database has.

use std::collections::HashMap;
use std::sync::Arc;

use everlog_domain::tables::Row;

/// Rows kept, in each of two generations.
const KEPT: usize = 2_048;
/// Rows that take more bytes than this are read again: the memory is bounded.
const LARGEST_ROW_BYTES: usize = 4 * 1024;

/// See the module's description.
#[derive(Default)]
pub(super) struct HotRows {
    young: HashMap<Vec<u8>, Arc<Row>>,
    old: HashMap<Vec<u8>, Arc<Row>>,
}

impl HotRows {
    pub(super) fn get(&self, row_key: &[u8]) -> Option<Arc<Row>> {
        let found = self.young.get(row_key).or_else(|| self.old.get(row_key));
        found.map(Arc::clone)
    }

    /// Keeps a row as it is now; `bytes` is what it takes in the database.
    pub(super) fn put(&mut self, row_key: Vec<u8>, row: Arc<Row>, bytes: usize) {
        self.old.remove(&row_key);
        if bytes > LARGEST_ROW_BYTES {
            self.young.remove(&row_key);
            return;
        }
        if self.young.len() >= KEPT && !self.young.contains_key(&row_key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(row_key, row);
    }

    /// A row is gone.
    pub(super) fn forget(&mut self, row_key: &[u8]) {
        self.young.remove(row_key);
        self.old.remove(row_key);
    }

    /// All rows are gone whose keys begin with this.
    pub(super) fn forget_under(&mut self, prefix: &[u8]) {
        self.young.retain(|row_key, _| !row_key.starts_with(prefix));
        self.old.retain(|row_key, _| !row_key.starts_with(prefix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::value::Value;

    fn row(number: i64) -> Arc<Row> {
        Arc::new(vec![Value::Int(number)])
    }

    fn key(number: usize) -> Vec<u8> {
        format!("k{number}").into_bytes()
    }

    #[test]
    fn the_last_word_counts_and_what_is_gone_is_forgotten() {
        let mut hot = HotRows::default();
        hot.put(key(1), row(1), 9);
        hot.put(key(1), row(2), 9);
        assert_eq!(hot.get(&key(1)), Some(row(2)));
        hot.forget(&key(1));
        assert_eq!(hot.get(&key(1)), None);
        hot.put(key(2), row(1), 9);
        hot.put(b"x".to_vec(), row(1), 9);
        hot.forget_under(b"k");
        assert_eq!(hot.get(&key(2)), None);
        assert_eq!(hot.get(b"x"), Some(row(1)));
    }

    #[test]
    fn an_older_generation_never_answers_for_a_younger_one() {
        let mut hot = HotRows::default();
        hot.put(key(0), row(0), 9);
        for number in 1..=KEPT {
            hot.put(key(number), row(1), 9);
        }
        assert_eq!(hot.get(&key(0)), Some(row(0)), "in the older generation");
        hot.put(key(0), row(7), 9);
        assert_eq!(hot.get(&key(0)), Some(row(7)));
        hot.put(key(0), row(8), LARGEST_ROW_BYTES + 1);
        assert_eq!(hot.get(&key(0)), None, "it would be the row of before");
        for number in 0..3 * KEPT {
            hot.put(key(number), row(1), 9);
        }
        assert!(hot.young.len() + hot.old.len() <= 2 * KEPT);
    }
}
