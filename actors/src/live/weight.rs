//! How much memory an event takes, roughly: what bounds the rings. Counted without encoding
//! anything, since the projection stage does it.

use everlog_domain::event::{Event, Recorded};
use everlog_domain::ports::RowDelta;
use everlog_domain::threads::{Delta, Part, ThreadEvent};
use everlog_domain::value::Value;
use serde_json::Value as Json;

/// An envelope, the shared pointers and an empty payload.
const BASE: usize = 1024;
/// A number, a boolean, or what surrounds a text.
const CELL: usize = 32;

/// Bytes of an event with its row changes. Content counts twice: once here, once as text.
pub(super) fn of(recorded: &Recorded, deltas: &[RowDelta]) -> usize {
    let rows = deltas
        .iter()
        .flat_map(|delta| delta.before.iter().chain(&delta.after));
    let rows: usize = rows.flat_map(|row| row.iter()).map(value).sum();
    BASE + 2 * (content(&recorded.event) + rows)
}

fn content(event: &Event) -> usize {
    let Event::Thread(event) = event else {
        return 0;
    };
    match event {
        ThreadEvent::ItemPosted(event) => parts(&event.parts),
        ThreadEvent::ItemOpened(event) => parts(&event.parts),
        ThreadEvent::ItemFinished(event) => parts(&event.parts),
        ThreadEvent::ItemAbandoned(event) => parts(&event.parts),
        ThreadEvent::ItemDelta(event) => event.deltas.iter().map(Delta::bytes).sum(),
        // Bounded by the rules, and counted with the rows that they change.
        ThreadEvent::ThreadCreated(_)
        | ThreadEvent::ThreadUpdated(_)
        | ThreadEvent::ThreadPermissionsChanged(_)
        | ThreadEvent::ParticipantAdded(_)
        | ThreadEvent::ParticipantRemoved(_)
        | ThreadEvent::ThreadDeleted(_) => 0,
    }
}

fn parts(parts: &[Part]) -> usize {
    let part = |part: &Part| match part {
        Part::Text { text } | Part::Reasoning { text } => text.len(),
        Part::ToolCall { arguments, .. } => json(arguments),
        Part::ToolResult { result, .. } => json(result),
        Part::File { .. } => CELL,
        Part::Data { data, .. } => json(data),
    };
    parts.iter().map(|each| CELL + part(each)).sum()
}

fn value(value: &Value) -> usize {
    CELL + match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => 0,
        Value::Text(text) => text.len(),
        Value::List(values) => values.iter().map(self::value).sum(),
        Value::Json(inner) => json(inner),
    }
}

// The depth of stored JSON is bounded where it comes in.
fn json(value: &Json) -> usize {
    CELL + match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len(),
        Json::Array(values) => values.iter().map(json).sum(),
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + json(value))
            .sum(),
    }
}
