//! How much memory an event takes, roughly: what bounds the rings. Counted without encoding
//! anything, since the projection stage does it.
//!
//! Everything counts twice: once as it is held, once as the text that its readers share. Whoever
//! adds a field to an event meets it here, since a ring believes what is counted.

use everlog_domain::access::Permissions;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ports::RowDelta;
use everlog_domain::threads::{
    BranchSwitched, Delta, ItemAbandoned, ItemCopied, ItemDeleted, ItemDelta, ItemEdited,
    ItemFinished, ItemOpened, ItemPinned, ItemPosted, ItemReactionAdded, ItemReactionRemoved,
    ItemUnpinned, ItemsExpired, Mentioned, Metadata, Part, ParticipantAdded, ParticipantRemoved,
    ThreadAccess, ThreadCreated, ThreadDeleted, ThreadEvent, ThreadForked,
    ThreadPermissionsChanged, ThreadRead, ThreadUpdated,
};
use everlog_domain::value::Value;
use serde_json::Value as Json;

/// An envelope, the shared pointers and an empty payload.
const BASE: usize = 1024;
/// A number, a boolean, an id, or what surrounds a text: held, and as text.
const CELL: usize = 64;
/// The same in JSON, which takes more to hold.
const JSON: usize = size_of::<Json>() + 24;
/// A field of JSON's: its hash, its place in the index, and the head of its name.
const FIELD: usize = 48;

/// Bytes of an event with its row changes.
pub(super) fn of(recorded: &Recorded, deltas: &[RowDelta]) -> usize {
    BASE + content(&recorded.event) + rows(deltas)
}

/// Bytes of a row.
#[must_use]
pub fn of_row(row: &[Value]) -> usize {
    row.iter().map(value).sum()
}

/// Bytes of row changes.
pub(super) fn rows(deltas: &[RowDelta]) -> usize {
    let rows = deltas
        .iter()
        .flat_map(|delta| delta.before.iter().chain(&delta.after));
    rows.map(|row| of_row(row)).sum()
}

fn content(event: &Event) -> usize {
    let Event::Thread(event) = event else {
        // Bounded by the rules, and shown to nobody.
        return CELL;
    };
    match event {
        ThreadEvent::ThreadCreated(ThreadCreated {
            thread: _,
            name,
            metadata,
            access,
            template: _,
        }) => {
            let name = name.as_ref().map(|name| name.as_str());
            optional(name) + self::metadata(metadata) + self::access(access)
        }
        ThreadEvent::ThreadForked(ThreadForked {
            thread: _,
            shares,
            item: _,
            name,
            metadata,
            access,
            continues: _,
            last_item_at: _,
        }) => {
            let name = name.as_ref().map(|name| name.as_str());
            let open = shares.without.len() * size_of::<u64>();
            CELL + open + optional(name) + self::metadata(metadata) + self::access(access)
        }
        ThreadEvent::ItemCopied(ItemCopied {
            item: _,
            opened: _,
            author: _,
            role: _,
            status: _,
            parts,
            metadata,
            tokens: _,
            parent: _,
            mentions,
            created_at: _,
            updated_at: _,
            edited_at: _,
        }) => CELL + self::parts(parts) + self::metadata(metadata) + CELL * mentions.len(),
        ThreadEvent::ThreadUpdated(ThreadUpdated { name, metadata }) => {
            let name = name.as_ref().map(|name| name.as_str());
            optional(name) + metadata.as_ref().map_or(CELL, self::metadata)
        }
        ThreadEvent::ThreadPermissionsChanged(ThreadPermissionsChanged { access })
        | ThreadEvent::ParticipantAdded(ParticipantAdded {
            participant: _,
            access,
        })
        | ThreadEvent::ParticipantRemoved(ParticipantRemoved {
            participant: _,
            access,
        }) => CELL + self::access(access),
        ThreadEvent::ThreadDeleted(ThreadDeleted { thread: _ }) => CELL,
        ThreadEvent::ItemPosted(ItemPosted {
            item: _,
            author: _,
            role: _,
            parts,
            metadata,
            tokens: _,
            parent: _,
            mentions,
        })
        | ThreadEvent::ItemOpened(ItemOpened {
            item: _,
            author: _,
            role: _,
            parts,
            metadata,
            parent: _,
            mentions,
        })
        | ThreadEvent::ItemFinished(ItemFinished {
            item: _,
            opened: _,
            parts,
            metadata,
            tokens: _,
            mentions,
        }) => self::parts(parts) + self::metadata(metadata) + mentioned(mentions.as_ref()),
        ThreadEvent::ItemAbandoned(ItemAbandoned {
            item: _,
            opened: _,
            parts,
            reason,
        }) => self::parts(parts) + optional(reason.as_deref()),
        ThreadEvent::ItemEdited(ItemEdited {
            item: _,
            opened: _,
            parts,
            metadata,
            tokens: _,
            mentions,
        }) => {
            let metadata = metadata.as_ref().map_or(CELL, self::metadata);
            let parts = self::parts(parts.as_deref().unwrap_or_default());
            CELL + metadata + parts + mentioned(mentions.as_ref())
        }
        ThreadEvent::ItemDeleted(ItemDeleted {
            item: _,
            opened: _,
            was_open: _,
        })
        | ThreadEvent::BranchSwitched(BranchSwitched { item: _ })
        | ThreadEvent::ThreadRead(ThreadRead {
            by: _,
            item: _,
            opened: _,
        })
        | ThreadEvent::ItemPinned(ItemPinned { item: _, opened: _ })
        | ThreadEvent::ItemUnpinned(ItemUnpinned { item: _, opened: _ }) => CELL,
        ThreadEvent::ItemsExpired(ItemsExpired {
            expired: _,
            items,
            ends_branch: _,
        }) => CELL + items.len() * 4 * CELL,
        ThreadEvent::ItemReactionAdded(ItemReactionAdded {
            item: _,
            opened: _,
            reaction,
            by: _,
            counts,
        })
        | ThreadEvent::ItemReactionRemoved(ItemReactionRemoved {
            item: _,
            opened: _,
            reaction,
            by: _,
            counts,
        }) => {
            let counted = counts.keys().map(|reaction| CELL + text(reaction.as_str()));
            CELL + text(reaction.as_str()) + counted.sum::<usize>()
        }
        ThreadEvent::ItemDelta(ItemDelta {
            item: _,
            opened: _,
            deltas,
        }) => deltas.iter().map(delta).sum(),
    }
}

fn mentioned(mentioned: Option<&Mentioned>) -> usize {
    let ids = |Mentioned {
                   named,
                   reached,
                   released,
               }: &Mentioned| { named.len() + reached.len() + released.len() };
    mentioned.map_or(0, ids) * CELL
}

fn delta(delta: &Delta) -> usize {
    CELL + match delta {
        Delta::Text { part: _, text } => self::text(text),
        Delta::Part { part } => self::part(part),
    }
}

fn parts(parts: &[Part]) -> usize {
    parts.iter().map(part).sum()
}

fn part(part: &Part) -> usize {
    CELL + match part {
        Part::Text { text } | Part::Reasoning { text } => self::text(text),
        Part::ToolCall {
            call_id,
            name,
            arguments,
        } => text(call_id) + text(name) + json(arguments),
        Part::ToolResult {
            call_id,
            result,
            is_error: _,
        } => text(call_id) + json(result),
        Part::File {
            file_id,
            name,
            mime_type,
        } => text(file_id) + optional(name.as_deref()) + optional(mime_type.as_deref()),
        Part::Data { name, data } => text(name) + json(data),
    }
}

fn metadata(metadata: &Metadata) -> usize {
    metadata
        .fields()
        .map(|(name, json)| field(name, json))
        .sum()
}

fn access(access: &ThreadAccess) -> usize {
    let ThreadAccess {
        permissions,
        participants,
    } = access;
    // A participant is an id of at most 36 characters and a role.
    granted(permissions) + participants.len() * 3 * CELL
}

/// A permission is an action and a role of two ids at most.
fn granted(permissions: &Permissions) -> usize {
    permissions.iter().count() * 4 * CELL
}

fn value(value: &Value) -> usize {
    CELL + match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => 0,
        Value::Text(text) => self::text(text),
        Value::List(values) => values.iter().map(self::value).sum(),
        Value::Json(inner) => json(inner),
    }
}

// The depth of stored JSON is bounded where it comes in.
fn json(value: &Json) -> usize {
    JSON + match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => self::text(text),
        Json::Array(values) => values.iter().map(json).sum(),
        Json::Object(fields) => fields.iter().map(|(name, value)| field(name, value)).sum(),
    }
}

fn field(name: &str, value: &Json) -> usize {
    FIELD + text(name) + json(value)
}

fn optional(text: Option<&str>) -> usize {
    CELL + text.map_or(0, self::text)
}

/// A text as it is held, and as JSON: there a quote or backslash takes two bytes, and a control
/// character up to six.
fn text(text: &str) -> usize {
    let bytes = text.as_bytes();
    let control = bytes.iter().filter(|byte| **byte < 0x20).count();
    let quoted = bytes
        .iter()
        .filter(|byte| matches!(byte, b'"' | b'\\'))
        .count();
    CELL + 2 * bytes.len() + 5 * control + quoted
}

#[cfg(test)]
mod tests {
    use everlog_domain::access::Principal;
    use everlog_domain::ids::{ItemId, Position};
    use everlog_domain::threads::{Author, ItemRole, MAX_ITEM_BYTES, ParticipantId};
    use serde_json::json;

    use super::*;

    /// Every text of every part, filled to the bound of an item, one at a time.
    fn filled(fill: &str) -> Vec<Part> {
        let full = || fill.repeat(MAX_ITEM_BYTES / fill.len());
        let object = || json!({ full(): 0 });
        let (call_id, name) = ("c", "n");
        let call = |call_id: String, name: String, arguments: Json| Part::ToolCall {
            call_id: call_id.into(),
            name: name.into(),
            arguments,
        };
        let result = |call_id: String, result: Json| Part::ToolResult {
            call_id: call_id.into(),
            result,
            is_error: false,
        };
        let file = |file_id: String, name: Option<String>, mime_type: Option<String>| Part::File {
            file_id: file_id.into(),
            name: name.map(Into::into),
            mime_type: mime_type.map(Into::into),
        };
        let data = |name: String, data: Json| Part::Data {
            name: name.into(),
            data,
        };
        vec![
            Part::Text { text: full() },
            Part::Reasoning { text: full() },
            call(full(), name.into(), Json::Null),
            call(call_id.into(), full(), Json::Null),
            call(call_id.into(), name.into(), Json::from(full())),
            call(call_id.into(), name.into(), object()),
            result(full(), Json::Null),
            result(call_id.into(), Json::from(full())),
            result(call_id.into(), object()),
            file(full(), None, None),
            file("f".into(), Some(full()), None),
            file("f".into(), None, Some(full())),
            data(full(), Json::Null),
            data(name.into(), Json::from(full())),
            data(name.into(), object()),
        ]
    }

    fn posted(part: Part, metadata: Metadata) -> ThreadEvent {
        ThreadEvent::from(ItemPosted {
            item: ItemId::parse("i").unwrap(),
            author: Author::principal(&Principal::Guest),
            role: ItemRole::User,
            parts: vec![part],
            metadata,
            tokens: None,
            parent: None,
            mentions: None,
        })
    }

    fn encoded(event: &ThreadEvent) -> usize {
        let mut text = Vec::new();
        event
            .serialize_payload(&mut serde_json::Serializer::new(&mut text))
            .unwrap();
        text.len()
    }

    fn weigh(event: ThreadEvent) -> usize {
        content(&Event::Thread(event))
    }

    #[test]
    fn a_filled_part_weighs_what_it_holds_and_what_its_readers_share() {
        for fill in ["x", "é", "\"", "\u{1}"] {
            for (place, part) in filled(fill).into_iter().enumerate() {
                let as_delta = ItemDelta {
                    item: ItemId::parse("i").unwrap(),
                    opened: Position(1),
                    deltas: vec![Delta::Part { part: part.clone() }],
                };
                for event in [
                    posted(part, Metadata::default()),
                    ThreadEvent::from(as_delta),
                ] {
                    let text = encoded(&event);
                    let weight = weigh(event);
                    let both = text + MAX_ITEM_BYTES;
                    // A rough count is no excuse for keeping next to nothing.
                    assert!(
                        (both..2 * both).contains(&weight),
                        "part {place} of {fill:?}: {weight} for {text} bytes of text"
                    );
                }
            }
        }
    }

    #[test]
    fn small_json_weighs_what_its_values_take() {
        let count = 100_000;
        for value in [json!(null), json!(0), json!(""), json!([]), json!({})] {
            let part = Part::Data {
                name: "n".into(),
                data: Json::Array(vec![value; count]),
            };
            let event = posted(part, Metadata::default());
            let text = encoded(&event);
            assert!(weigh(event) >= text + count * size_of::<Json>());
        }
    }

    #[test]
    fn whatever_else_an_event_says_weighs_too() {
        let long = "x".repeat(10_000);
        let metadata = Metadata::parse(json!({ "a": long, "b": { &long[..3_000]: [long.len()] } }));
        let part = || Part::Text { text: "x".into() };
        let abandoned = ItemAbandoned {
            item: ItemId::parse("i").unwrap(),
            opened: Position(1),
            parts: vec![part()],
            reason: Some(long.clone()),
        };
        let mut access = ThreadAccess {
            permissions: Permissions::from_stored(&vec!["write(\"team:a/b\")"; 100]).unwrap(),
            ..ThreadAccess::default()
        };
        for number in 0..200 {
            let id = ParticipantId::parse(&format!("user:{number:036}")).unwrap();
            let role = everlog_domain::threads::ParticipantRole::Member;
            access.participants.insert(id, role);
        }
        for event in [
            posted(part(), metadata.unwrap()),
            ThreadEvent::from(abandoned),
            ThreadEvent::from(ThreadPermissionsChanged { access }),
        ] {
            let text = encoded(&event);
            let kind = event.kind();
            assert!(weigh(event) >= 2 * text, "{kind:?}");
        }
    }
}
