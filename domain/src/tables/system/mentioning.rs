//! The tables of mentions and of templates of threads.

/// Who is mentioned in which item.
pub mod mentions {
    use crate::query::Direction::{Ascending, Descending};
    use crate::tables::{Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        POSITION = "$sequence" Int false,
        MENTIONED = "mentioned" Text false,
        OFFSET = "$offset" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(19);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        let newest_first = Index {
            number: 1,
            columns: vec![(MENTIONED, Ascending), (OFFSET, Descending)],
            uniqueness: Uniqueness::Shared,
        };
        let in_a_thread = Index {
            number: 2,
            columns: vec![
                (MENTIONED, Ascending),
                (THREAD, Ascending),
                (INCARNATION, Ascending),
                (POSITION, Ascending),
            ],
            uniqueness: Uniqueness::Shared,
        };
        TableSchema {
            number: TABLE,
            name: "mentions",
            columns: columns(),
            key: vec![THREAD, INCARNATION, POSITION, MENTIONED],
            indexes: vec![newest_first, in_a_thread],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Templates of threads.
pub mod thread_templates {
    use crate::tables::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        ID = "$id" Text true,
        CREATED_AT = "$createdAt" Time true,
        UPDATED_AT = "$updatedAt" Time true,
        CONTENT = "content" Json false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(20);
    pub(in crate::tables::system) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "threadTemplates",
            columns: columns(),
            key: vec![ID],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}
