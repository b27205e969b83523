//! The one query language, resolved against a table: columns are places, values are typed.
//! Wire forms (Appwrite's JSON strings) are read at the edge.

mod filter;

pub use filter::{Comparison, Filter};

use crate::value::Value;

/// Rows of a page unless the query says otherwise.
pub const DEFAULT_LIMIT: u32 = 25;
/// Most rows of a page.
pub const MAX_LIMIT: u32 = 5_000;
/// `total` stops counting here.
pub const MAX_TOTAL: u64 = 5_000;

/// Largest page, in bytes of memory: what is read must fit there before it is written.
pub const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Which way to sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One column to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderBy {
    /// The column's place in the table.
    pub column: usize,
    /// Which way.
    pub direction: Direction,
}

/// From which row on.
#[derive(Debug, Clone, PartialEq)]
pub enum Cursor {
    /// The page after the row with this primary key.
    After(Vec<Value>),
    /// The page before it.
    Before(Vec<Value>),
}

/// Whether the answer counts all rows that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Count up to [`MAX_TOTAL`].
    Counted,
    /// Answer 0.
    Skipped,
}

/// A list's question. Ties are broken by the primary key, in the direction of the last order.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What rows must meet: all of these.
    pub filters: Vec<Filter>,
    /// How they are sorted; by the primary key if empty.
    pub order: Vec<OrderBy>,
    /// Rows of the page, at most [`MAX_LIMIT`].
    pub limit: u32,
    /// Rows to skip, at most 5,000.
    pub offset: u32,
    /// From which row on.
    pub cursor: Option<Cursor>,
    /// Whether to count.
    pub total: Total,
    /// The columns to answer with; all if absent.
    pub select: Option<Vec<usize>>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            order: Vec::new(),
            limit: DEFAULT_LIMIT,
            offset: 0,
            cursor: None,
            total: Total::Counted,
            select: None,
        }
    }
}

impl Query {
    /// Whether a row meets all filters.
    #[must_use]
    pub fn matches(&self, row: &[Value]) -> bool {
        self.filters.iter().all(|filter| filter.matches(row))
    }
}
