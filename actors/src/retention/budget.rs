//! What a slice of a sweep may cost.

use everlog_domain::tables::Row;
use everlog_domain::value::Value;

/// Rows that a slice looks at.
const ROWS: usize = 512;
/// Bytes of items that a slice reads: they are large where there are files or answers in them.
const BYTES: usize = 4 * 1024 * 1024;
/// What a slice may still cost. What is begun is ended, so it may be a little more.
#[derive(Debug)]
pub(super) struct Budget {
    rows: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            rows: ROWS,
            bytes: BYTES,
        }
    }
}

impl Budget {
    pub(super) const fn is_left(&self) -> bool {
        self.rows > 0 && self.bytes > 0
    }

    pub(super) const fn spend_rows(&mut self, rows: usize) {
        self.rows = self.rows.saturating_sub(rows);
    }

    pub(super) fn spend(&mut self, rows: &[Row]) {
        self.spend_rows(rows.len());
        let bytes = rows.iter().flatten().map(Value::memory_bytes).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
