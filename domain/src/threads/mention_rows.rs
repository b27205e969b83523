//! What a fact about mentions does to rows.

use super::mention::{Mentioned, Mentions};
use crate::ids::Offset;
use crate::tables::RowChange;
use crate::tables::system::mentions;
use crate::value::Value;

/// Whom an item mentions by an event, as its cell has it.
pub(super) fn named(event: &Mentioned) -> Value {
    names(&event.named)
}

/// Whom an item mentions, as its cell has it; null if it is nobody.
pub(super) fn names(mentions: &Mentions) -> Value {
    let texts = mentions.iter().map(ToString::to_string);
    let texts: Vec<Value> = texts.map(|text| Value::text(&text)).collect();
    match texts.is_empty() {
        true => Value::Null,
        false => Value::List(texts),
    }
}

/// Who is mentioned in an item from here on, and who is not any more. `item` is the primary key of
/// the item's row, `offset` the event's place in the log: the order of what somebody is told.
pub(super) fn mentioned(
    item: &[Value],
    offset: Offset,
    event: Option<&Mentioned>,
) -> Vec<RowChange> {
    let Some(event) = event else {
        return Vec::new();
    };
    let key = |id: &dyn ToString| {
        let mut key = item.to_vec();
        key.push(Value::text(&id.to_string()));
        key
    };
    let released = event.released.iter().map(|id| RowChange::Delete {
        table: mentions::TABLE,
        key: key(id),
    });
    let reached = event.reached.iter().map(|id| {
        let mut row = key(id);
        row.push(Value::counter(offset.0));
        RowChange::Insert {
            table: mentions::TABLE,
            row,
        }
    });
    released.chain(reached).collect()
}
