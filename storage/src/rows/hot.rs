//! Rows that were updated lately: a busy thread's row is updated with each of its items. One thread
//! projects, so what it wrote last is what the database has.

use std::collections::HashMap;
use std::sync::Arc;

use everlog_domain::tables::Row;
use everlog_domain::value::Value;

/// Rows kept, in each of two generations.
const KEPT: usize = 2_048;
/// Rows with more text than this are read again: the memory is bounded.
const LONGEST_TEXT: usize = 4 * 1024;

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

    /// Keeps a row as it is now.
    pub(super) fn put(&mut self, row_key: Vec<u8>, row: Arc<Row>) {
        self.old.remove(&row_key);
        if text_bytes(&row) > LONGEST_TEXT {
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

fn text_bytes(row: &[Value]) -> usize {
    let bytes = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::List(values) => text_bytes(values),
        // counted by its text: rows with small JSON are the ones that are hot
        Value::Json(json) => json.to_string().len(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => 0,
    };
    row.iter().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> Arc<Row> {
        Arc::new(vec![Value::Int(number)])
    }

    fn key(number: usize) -> Vec<u8> {
        format!("k{number}").into_bytes()
    }

    #[test]
    fn the_last_word_counts_and_what_is_gone_is_forgotten() {
        let mut hot = HotRows::default();
        hot.put(key(1), row(1));
        hot.put(key(1), row(2));
        assert_eq!(hot.get(&key(1)), Some(row(2)));
        hot.forget(&key(1));
        assert_eq!(hot.get(&key(1)), None);
        hot.put(key(2), row(1));
        hot.put(b"x".to_vec(), row(1));
        hot.forget_under(b"k");
        assert_eq!(hot.get(&key(2)), None);
        assert_eq!(hot.get(b"x"), Some(row(1)));
    }

    #[test]
    fn an_older_generation_never_answers_for_a_younger_one() {
        let mut hot = HotRows::default();
        hot.put(key(0), row(0));
        for number in 1..=KEPT {
            hot.put(key(number), row(1));
        }
        assert_eq!(hot.get(&key(0)), Some(row(0)), "in the older generation");
        hot.put(key(0), row(7));
        assert_eq!(hot.get(&key(0)), Some(row(7)));
        let long = Arc::new(vec![Value::text(&"x".repeat(LONGEST_TEXT + 1))]);
        hot.put(key(0), long);
        assert_eq!(hot.get(&key(0)), None, "it would be the row of before");
        for number in 0..3 * KEPT {
            hot.put(key(number), row(1));
        }
        assert!(hot.young.len() + hot.old.len() <= 2 * KEPT);
    }
}
