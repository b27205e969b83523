//! The shape of a table.

use crate::query::Direction;
use crate::value::Value;

/// A table's number in keys. The system's own lie below 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableNumber(pub u32);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// [`Value::Bool`]
    Bool,
    /// [`Value::Int`]
    Int,
    /// [`Value::Float`]
    Float,
    /// [`Value::Text`]
    Text,
    /// [`Value::Time`]
    Time,
    /// [`Value::List`] of text.
    TextList,
    /// [`Value::Json`]: neither filtered nor sorted.
    Json,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in queries and answers.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnType,
    /// Whether queries may filter and sort by it. Secrets and inner columns are not.
    pub queryable: bool,
}

/// Whether two rows may share an index key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// They may.
    Shared,
    /// They may not: decisions check first. Of rows that do, the first holds the key, and the
    /// others are left out of the index.
    Unique,
    /// They may not, and no decision makes two that do: the arbiter holds it to a state in which
    /// it saw that the key is free, or the key is random. So an engine need not look, and keeps
    /// the key's hash alone: the index leads from all of its values to a row, and orders nothing.
    /// Of rows that share a key all the same, the last that took it holds it.
    Decided,
}

/// An index over columns, in order. Rows with a null in the first column are left out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its number within the table, in keys.
    pub number: u16,
    /// Columns with the direction in which they are stored.
    pub columns: Vec<(usize, Direction)>,
    /// Whether it is unique.
    pub uniqueness: Uniqueness,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    /// Its number in keys.
    pub number: TableNumber,
    /// Its name, for errors and dumps.
    pub name: &'static str,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The places of the columns of the primary key, in order: rows lie in the order of this key.
    pub key: Vec<usize>,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// The place of the text-list column with the roles that may read a row. With it, the engine
    /// keeps a permission index: role → rows in order of the primary key.
    pub readers: Option<usize>,
    /// Whether the primary key ends with the position of the event that puts the row in its
    /// stream's life: then no row has it already, and the engine need not look.
    pub keyed_by_position: bool,
}

impl TableSchema {
    /// The place of a column by name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The primary key of a row.
    #[must_use]
    pub fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key
            .iter()
            .map(|&place| row.get(place).cloned().unwrap_or(Value::Null))
            .collect()
    }
}
