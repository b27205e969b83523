//! Cells and keys of the rows of threads and items.

use compact_str::CompactString;
use serde_json::Value as Json;

use super::{ItemStatus, Parent, ThreadAccess};
use crate::envelope::Envelope;
use crate::ids::Position;
use crate::tables::RowChange;
use crate::tables::system::{items, thread_access, threads};
use crate::value::Value;

fn texts<I: IntoIterator<Item = CompactString>>(texts: I) -> Value {
    Value::List(texts.into_iter().map(Value::Text).collect())
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Value {
    // The types of this module have string keys only, so this cannot fail.
    Value::Json(serde_json::to_value(value).unwrap_or(Json::Null))
}

pub(super) fn thread_id(envelope: &Envelope) -> Value {
    Value::Text(envelope.stream.id.clone())
}

pub(super) fn life(envelope: &Envelope) -> [Value; 2] {
    [thread_id(envelope), Value::counter(envelope.incarnation.0)]
}

pub(super) fn access_cells(access: &ThreadAccess) -> [(usize, Value); 4] {
    let permissions = access
        .permissions
        .iter()
        .map(|p| CompactString::from(p.to_string()));
    let participants = access
        .participants
        .keys()
        .map(|id| CompactString::from(id.to_string()));
    [
        (threads::PERMISSIONS, texts(permissions)),
        (threads::PARTICIPANTS, json(&access.participants)),
        (threads::PARTICIPANT_IDS, texts(participants)),
        (threads::READERS, texts(access.readers())),
    ]
}

pub(super) fn access_row(envelope: &Envelope, access: &ThreadAccess) -> RowChange {
    let mut row = vec![Value::Null; thread_access::READERS + 1];
    let [thread, incarnation] = life(envelope);
    row[thread_access::THREAD] = thread;
    row[thread_access::INCARNATION] = incarnation;
    row[thread_access::OFFSET] = Value::counter(envelope.offset.0);
    row[thread_access::READERS] = texts(access.readers());
    RowChange::Insert {
        table: thread_access::TABLE,
        row,
    }
}

pub(super) fn item_key(envelope: &Envelope, opened: Position) -> Vec<Value> {
    let [thread, incarnation] = life(envelope);
    vec![thread, incarnation, Value::counter(opened.0)]
}

pub(super) fn parent(parent: Option<&Parent>) -> Value {
    parent.map_or(Value::Null, |parent| Value::text(parent.as_str()))
}

pub(super) fn item_row(envelope: &Envelope, status: ItemStatus) -> Vec<Value> {
    let [thread, incarnation] = life(envelope);
    let mut row = vec![Value::Null; items::OFFSET + 1];
    row[items::THREAD] = thread;
    row[items::INCARNATION] = incarnation;
    row[items::POSITION] = Value::counter(envelope.position.0);
    row[items::CREATED_AT] = envelope.time.into();
    row[items::UPDATED_AT] = envelope.time.into();
    row[items::STATUS] = Value::text(status.name());
    row[items::OFFSET] = Value::counter(envelope.offset.0);
    row
}

pub(super) fn tokens(tokens: Option<u32>) -> Value {
    tokens.map_or(Value::Null, |tokens| Value::Int(i64::from(tokens)))
}
