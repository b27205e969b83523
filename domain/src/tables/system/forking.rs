//! The tables that forks go by.

/// What forks have in common with their sources.
pub mod forks {
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        SHARES = "shares" Json false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(30);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "forks",
            columns: columns(),
            key: vec![THREAD, INCARNATION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Lives of threads that were forked: what their items were is kept, and their rows stay when they
/// are deleted.
pub mod forked_lives {
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(31);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "forkedLives",
            columns: columns(),
            key: vec![THREAD, INCARNATION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Items of forked threads as they were before the event at an offset changed them: the cells of the
/// item, and the offset.
pub mod item_versions {
    use super::super::items;
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    /// Place of `until`: the offset of the event that changed the item.
    pub const UNTIL: usize = items::OFFSET + 1;
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(32);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        let items = items::schema();
        let until = Column {
            name: "until",
            kind: ColumnType::Int,
            queryable: false,
        };
        TableSchema {
            number: TABLE,
            name: "itemVersions",
            columns: items.columns.into_iter().chain([until]).collect(),
            key: items.key.into_iter().chain([UNTIL]).collect(),
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}
