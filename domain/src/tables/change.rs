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
        /// They stay where this row is there.
        unless: Option<RowPlace>,
    },
    /// A row, as it stands, becomes a version: a row of another table with the same cells and one
    /// more. Nothing happens where either of the two rows is not there, or the version is.
    Keep {
        /// Where.
        table: TableNumber,
        /// Its primary key.
        key: Vec<Value>,
        /// Where the version goes.
        versions: TableNumber,
        /// Its last cell.
        last: Value,
        /// Only where this row is there.
        only_with: RowPlace,
    },
}

/// Names a row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowPlace {
    /// Its table.
    pub table: TableNumber,
    /// Its primary key.
    pub key: Vec<Value>,
}
