//! The system's own tables. The places of columns are constants, so that the functions that make
//! rows and those that read them cannot disagree.

use std::sync::LazyLock;

use super::{Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};
use crate::query::Direction::{Ascending, Descending};

macro_rules! columns {
    ($($name:ident = $text:literal $kind:ident $queryable:literal),+ $(,)?) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Place { $($name),+ }
        $(#[doc = concat!("Place of `", $text, "`.")] pub const $name: usize = Place::$name as usize;)+
        fn columns() -> Vec<Column> {
            vec![$(Column { name: $text, kind: ColumnType::$kind, queryable: $queryable }),+]
        }
    };
}

/// Projects, in the console.
pub mod projects {
    use super::{Ascending, Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};
    columns! {
        ID = "$id" Text true,
        CREATED_AT = "$createdAt" Time true,
        NAME = "name" Text true,
        NUMBER = "number" Int false,
        UID = "uid" Text false,
        QUOTAS = "quotas" Json false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(1);
    /// Number of the index over the project's number.
    pub const BY_NUMBER: u16 = 1;
    pub(super) fn schema() -> TableSchema {
        let by_number = Index {
            number: BY_NUMBER,
            columns: vec![(NUMBER, Ascending)],
            uniqueness: Uniqueness::Unique,
        };
        TableSchema {
            number: TABLE,
            name: "projects",
            columns: columns(),
            key: vec![ID],
            indexes: vec![by_number],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// API keys of a project.
pub mod keys {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        ID = "$id" Text true,
        CREATED_AT = "$createdAt" Time true,
        NAME = "name" Text true,
        SCOPES = "scopes" TextList true,
        SECRET_HASH = "secretHash" Text false,
        EXPIRE = "expire" Time true,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(2);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "keys",
            columns: columns(),
            key: vec![ID],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Users of a project.
pub mod users {
    use super::{Ascending, Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};
    columns! {
        ID = "$id" Text true,
        CREATED_AT = "$createdAt" Time true,
        UPDATED_AT = "$updatedAt" Time true,
        INCARNATION = "$incarnation" Int false,
        NAME = "name" Text true,
        EMAIL = "email" Text true,
        EMAIL_VERIFIED = "emailVerification" Bool true,
        PASSWORD_HASH = "passwordHash" Text false,
        PASSWORD_UPDATED_AT = "passwordUpdate" Time true,
        LABELS = "labels" TextList true,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(3);
    /// Number of the index over the e-mail address.
    pub const BY_EMAIL: u16 = 1;
    pub(super) fn schema() -> TableSchema {
        let by_email = Index {
            number: BY_EMAIL,
            columns: vec![(EMAIL, Ascending)],
            uniqueness: Uniqueness::Unique,
        };
        TableSchema {
            number: TABLE,
            name: "users",
            columns: columns(),
            key: vec![ID],
            indexes: vec![by_email],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Sessions of users.
pub mod sessions {
    use super::{Ascending, Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};
    columns! {
        USER = "userId" Text true,
        ID = "$id" Text true,
        CREATED_AT = "$createdAt" Time true,
        EXPIRE = "expire" Time true,
        SECRET_HASH = "secretHash" Text false,
        PROVIDER = "provider" Text true,
        IP = "ip" Text false,
        USER_AGENT = "userAgent" Text false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(4);
    /// Number of the index over the secret's hash.
    pub const BY_SECRET: u16 = 1;
    pub(super) fn schema() -> TableSchema {
        let by_secret = Index {
            number: BY_SECRET,
            columns: vec![(SECRET_HASH, Ascending)],
            uniqueness: Uniqueness::Unique,
        };
        TableSchema {
            number: TABLE,
            name: "sessions",
            columns: columns(),
            key: vec![USER, ID],
            indexes: vec![by_secret],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Threads.
pub mod threads {
    use super::{
        Ascending, Column, ColumnType, Descending, Index, TableNumber, TableSchema, Uniqueness,
    };
    columns! {
        ID = "$id" Text true,
        SEQUENCE = "$sequence" Int false,
        CREATED_AT = "$createdAt" Time true,
        UPDATED_AT = "$updatedAt" Time true,
        LAST_ITEM_AT = "lastItemAt" Time true,
        NAME = "name" Text true,
        METADATA = "metadata" Json false,
        PERMISSIONS = "$permissions" TextList false,
        PARTICIPANTS = "participants" Json false,
        PARTICIPANT_IDS = "participantIds" TextList true,
        ACTIVE_ITEM = "activeItemId" Text false,
        FORKED_FROM = "forkedFrom" Json false,
        TEMPLATE = "templateId" Text true,
        READERS = "$readers" TextList false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(10);
    pub(super) fn schema() -> TableSchema {
        let index = |number, column, direction| Index {
            number,
            columns: vec![(column, direction)],
            uniqueness: Uniqueness::Shared,
        };
        TableSchema {
            number: TABLE,
            name: "threads",
            columns: columns(),
            key: vec![ID],
            indexes: vec![
                index(1, SEQUENCE, Ascending),
                index(2, LAST_ITEM_AT, Descending),
                index(3, NAME, Ascending),
            ],
            readers: Some(READERS),
            keyed_by_position: false,
        }
    }
}

/// Items of threads, in the order in which they were posted.
pub mod items {
    use super::{Ascending, Column, ColumnType, Index, TableNumber, TableSchema, Uniqueness};
    columns! {
        THREAD = "threadId" Text true,
        INCARNATION = "$incarnation" Int false,
        POSITION = "$sequence" Int true,
        ID = "$id" Text true,
        CREATED_AT = "$createdAt" Time true,
        UPDATED_AT = "$updatedAt" Time true,
        AUTHOR = "author" Text true,
        ROLE = "role" Text true,
        STATUS = "status" Text true,
        PARTS = "parts" Json false,
        METADATA = "metadata" Json false,
        TOKENS = "tokens" Int true,
        PARENT = "parentId" Text true,
        EDITED_AT = "editedAt" Time true,
        REACTIONS = "reactions" Json false,
        PINNED_AT = "pinnedAt" Time true,
        MENTIONS = "mentions" TextList true,
        OFFSET = "$offset" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(11);
    /// Number of the index over the id within the thread.
    pub const BY_ID: u16 = 1;
    pub(super) fn schema() -> TableSchema {
        let by_id = Index {
            number: BY_ID,
            columns: vec![
                (THREAD, Ascending),
                (INCARNATION, Ascending),
                (ID, Ascending),
            ],
            uniqueness: Uniqueness::Decided,
        };
        TableSchema {
            number: TABLE,
            name: "items",
            columns: columns(),
            key: vec![THREAD, INCARNATION, POSITION],
            indexes: vec![by_id],
            readers: None,
            keyed_by_position: true,
        }
    }
}

/// Items that are being written: a row from open to finish or abandon, so that a thread's actor
/// finds them without looking at every item.
pub mod open_items {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        POSITION = "$sequence" Int false,
        ITEM = "itemId" Text false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(12);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "openItems",
            columns: columns(),
            key: vec![THREAD, INCARNATION, POSITION],
            indexes: vec![],
            readers: None,
            keyed_by_position: true,
        }
    }
}

/// What was appended to open items, in order. Gone when the item is finished.
pub mod deltas {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        ITEM_POSITION = "itemPosition" Int false,
        POSITION = "$sequence" Int false,
        DELTA = "delta" Json false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(13);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "deltas",
            columns: columns(),
            key: vec![THREAD, INCARNATION, ITEM_POSITION, POSITION],
            indexes: vec![],
            readers: None,
            keyed_by_position: true,
        }
    }
}

/// Who might read a thread from which offset on: the moments at which its access changed. A past
/// event is shown where today's roles pass today's and that moment's permissions.
pub mod thread_access {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        OFFSET = "$offset" Int false,
        READERS = "$readers" TextList false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(14);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "threadAccess",
            columns: columns(),
            key: vec![THREAD, INCARNATION, OFFSET],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Items that follow another than the one before them: where the tree of a thread has branches.
pub mod branches {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        PARENT = "parentId" Text false,
        POSITION = "$sequence" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(15);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "branches",
            columns: columns(),
            key: vec![THREAD, INCARNATION, PARENT, POSITION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Reactions on items, with whose they are.
pub mod reactions {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        POSITION = "$sequence" Int false,
        BY = "by" Text true,
        REACTION = "reaction" Text true,
        CREATED_AT = "$createdAt" Time true,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(16);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "reactions",
            columns: columns(),
            key: vec![THREAD, INCARNATION, POSITION, BY, REACTION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// Pinned items of threads.
pub mod pins {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        POSITION = "$sequence" Int false,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(17);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "pins",
            columns: columns(),
            key: vec![THREAD, INCARNATION, POSITION],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

/// How far each has read a thread.
pub mod receipts {
    use super::{Column, ColumnType, TableNumber, TableSchema};
    columns! {
        THREAD = "threadId" Text false,
        INCARNATION = "$incarnation" Int false,
        BY = "by" Text true,
        POSITION = "$sequence" Int false,
        ITEM = "itemId" Text true,
        UPDATED_AT = "$updatedAt" Time true,
    }
    /// Number of the table.
    pub const TABLE: TableNumber = TableNumber(18);
    pub(super) fn schema() -> TableSchema {
        TableSchema {
            number: TABLE,
            name: "receipts",
            columns: columns(),
            key: vec![THREAD, INCARNATION, BY],
            indexes: vec![],
            readers: None,
            keyed_by_position: false,
        }
    }
}

mod expiry;
mod forking;
mod mentioning;

pub use expiry::{ended_threads, expirations, retention};
pub use forking::{forked_lives, forks, item_versions};
pub use mentioning::{mentions, thread_templates};

/// Every system table, by number.
pub static ALL: LazyLock<Vec<TableSchema>> = LazyLock::new(|| {
    vec![
        projects::schema(),
        keys::schema(),
        users::schema(),
        sessions::schema(),
        threads::schema(),
        items::schema(),
        open_items::schema(),
        deltas::schema(),
        thread_access::schema(),
        branches::schema(),
        reactions::schema(),
        pins::schema(),
        receipts::schema(),
        mentions::schema(),
        thread_templates::schema(),
        retention::schema(),
        expirations::schema(),
        ended_threads::schema(),
        forks::schema(),
        forked_lives::schema(),
        item_versions::schema(),
    ]
});

/// The schema of a table, by number.
#[must_use]
pub fn table(number: TableNumber) -> Option<&'static TableSchema> {
    ALL.iter().find(|schema| schema.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_sound() {
        let mut numbers = std::collections::BTreeSet::new();
        for schema in ALL.iter() {
            assert!(
                numbers.insert(schema.number),
                "{} shares its number",
                schema.name
            );
            let indexed = schema
                .indexes
                .iter()
                .flat_map(|i| i.columns.iter().map(|(c, _)| *c));
            for place in schema
                .key
                .iter()
                .copied()
                .chain(indexed)
                .chain(schema.readers)
            {
                let column = &schema.columns[place];
                assert_ne!(
                    column.kind,
                    ColumnType::Json,
                    "{}.{}",
                    schema.name,
                    column.name
                );
            }
        }
    }
}
