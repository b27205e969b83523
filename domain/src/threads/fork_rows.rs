//! What facts about forks do to rows.

use super::cells::{
    access_cells, access_row, item_key, item_row, json, life, parent, thread_id, tokens,
};
use super::event::{ItemCopied, ThreadForked};
use super::lineage::ForkedFrom;
use super::mention_rows::names;
use crate::envelope::Envelope;
use crate::ids::{Offset, Position, ThreadId};
use crate::tables::system::{forked_lives, forks, item_versions, items, threads};
use crate::tables::{RowChange, RowPlace};
use crate::value::Value;

pub(super) fn thread_forked(envelope: &Envelope, event: &ThreadForked) -> Vec<RowChange> {
    let name = event.name.as_ref().map(|name| name.as_str());
    let last_item = event.last_item_at.unwrap_or(envelope.time);
    let shares = &event.shares;
    let mut row = vec![Value::Null; threads::READERS + 1];
    row[threads::ID] = thread_id(envelope);
    row[threads::SEQUENCE] = Value::counter(envelope.offset.0);
    row[threads::CREATED_AT] = envelope.time.into();
    row[threads::UPDATED_AT] = envelope.time.into();
    row[threads::LAST_ITEM_AT] = last_item.into();
    row[threads::NAME] = name.into();
    row[threads::METADATA] = Value::Json(event.metadata.to_json());
    row[threads::FORKED_FROM] = json(&ForkedFrom::new(&shares.thread, event.item.as_ref()));
    if let Some(continues) = &event.continues {
        row[threads::ACTIVE_ITEM] = Value::text(continues.as_str());
    }
    for (place, value) in access_cells(&event.access) {
        row[place] = value;
    }
    let [thread, incarnation] = life(envelope);
    let shared = vec![thread, incarnation, json(shares)];
    let mut changes = vec![
        RowChange::Insert {
            table: threads::TABLE,
            row,
        },
        access_row(envelope, &event.access),
        RowChange::Insert {
            table: forks::TABLE,
            row: shared,
        },
    ];
    changes.extend(source_is_forked(&shares.thread, shares.incarnation));
    changes
}

/// It may have been forked before.
fn source_is_forked(source: &ThreadId, incarnation: Offset) -> [RowChange; 2] {
    let table = forked_lives::TABLE;
    let key = vec![Value::text(source.as_str()), Value::counter(incarnation.0)];
    let row = key.clone();
    [
        RowChange::Delete { table, key },
        RowChange::Insert { table, row },
    ]
}

/// There where a life was forked.
pub(super) fn forked_life(envelope: &Envelope) -> RowPlace {
    RowPlace {
        table: forked_lives::TABLE,
        key: life(envelope).into(),
    }
}

/// An item as it is before a change, for the forks that share it.
pub(super) fn keep_item(envelope: &Envelope, opened: Position) -> RowChange {
    RowChange::Keep {
        table: items::TABLE,
        key: item_key(envelope, opened),
        versions: item_versions::TABLE,
        last: Value::counter(envelope.offset.0),
        only_with: forked_life(envelope),
    }
}

/// The place in the tree is the source's to tell, and the thread has no newer item by it.
pub(super) fn item_copied(envelope: &Envelope, event: &ItemCopied) -> Vec<RowChange> {
    let mut row = item_row(envelope, event.status);
    row[items::POSITION] = Value::counter(event.opened.0);
    row[items::ID] = Value::text(event.item.as_str());
    row[items::CREATED_AT] = event.created_at.into();
    row[items::UPDATED_AT] = event.updated_at.into();
    row[items::AUTHOR] = Value::text(event.author.as_str());
    row[items::ROLE] = Value::text(event.role.name());
    row[items::PARTS] = json(&event.parts);
    row[items::METADATA] = Value::Json(event.metadata.to_json());
    row[items::TOKENS] = tokens(event.tokens);
    row[items::PARENT] = parent(event.parent.as_ref());
    row[items::MENTIONS] = names(&event.mentions);
    row[items::EDITED_AT] = event.edited_at.map_or(Value::Null, Value::from);
    vec![RowChange::Insert {
        table: items::TABLE,
        row,
    }]
}
