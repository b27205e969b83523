//! The tables that rules of retention go by.

/// How long the project keeps the items of its threads: one row while there is a rule.
pub mod retention {
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        ID = "$id" Text false,
        PROJECT = "projectId" Text false,
        RULE = "rule" Json false,
        UPDATED_AT = "$updatedAt" Time false,
        OFFSET = "$offset" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(21);
    /// The one primary key.
    pub const ONLY: &str = "items";
    pub(in crate::tables::system) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "retention",
            columns: columns(),
            key: vec![ID],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Which items of a life of a thread have expired. A row outlives its thread: what has expired is
/// handed out no more, whatever becomes of the thread.
pub mod expirations {
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        EXPIRED = "expired" Json false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(22);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "expirations",
            columns: columns(),
            key: vec![THREAD, INCARNATION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Threads that are over and have not expired, those first that ended first.
pub mod ended_threads {
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        ENDED_AT = "endedAt" Time false,
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(23);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "endedThreads",
            columns: columns(),
            key: vec![ENDED_AT, THREAD, INCARNATION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}
