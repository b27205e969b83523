//! What an event does to rows.

use super::{Row, TableNumber};
use crate::value::Value;

/// One change. Made by pure functions from an event alone, without reading rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    /// A row that is not there yet.
    Insert {
        /// Where.
        table: TableNumber,
        /// All its cells.
        row: Row,
    },
    /// Some cells of a row. A row that is not there stays absent.
    Update {
        /// Where.
        table: TableNumber,
        /// Its primary key.
        key: Vec<Value>,
        /// Places and their new values.
        set: Vec<(usize, Value)>,
    },
    /// A row goes. A row that is not there stays absent.
    Delete {
        /// Where.
        table: TableNumber,
        /// Its primary key.
        key: Vec<Value>,
    },
    /// All rows whose key begins with these values. Nothing can reach them any more (their
    /// container's life is over), so the engine may remove them later, in bounded slices.
    Purge {
        /// Where.
        table: TableNumber,
        /// The first values of the primary key.
        prefix: Vec<Value>,
    },
}
