//! Tables as data. The system's own lists (users, threads, items …) are tables like any other:
//! one row engine, one query language, one authoriser.

mod canonical;
mod change;
mod fold;
mod ranking;
mod schema;
pub mod system;

pub use canonical::canonical_line;
pub use change::{RowChange, RowPlace};
pub use fold::{RowBefore, RowKey, RowSet, places_of, row_of_change};
pub use ranking::Ranked;
pub use schema::{Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};

use crate::value::Value;

/// A row: its cells in the order of the table's columns.
pub type Row = Vec<Value>;
