//! `/v1/threads/{threadId}/history` and `…/items/{itemId}/history`: who changed what, and when.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use compact_str::CompactString;
use everlog_domain::access::Principal;
use everlog_domain::ids::{ItemId, Offset, ThreadId};
use everlog_domain::value::Value;
use serde::Serialize;
use serde_json::Value as Json;

use super::answer::marked;
use super::edge::Edge;
use super::item_rows::ItemPath;
use super::page_parameters::{cursor, limit};
use super::past::{moment, read_past};
use super::path::Path;
use super::threads::ThreadPath;
use super::visitor::Visitor;
use crate::cursor::CursorCodec;
use crate::error::ApiError;
use crate::past::{Asked, Change, Entry, Past};

/// Bytes of JSON up to which a value is shown; of a larger one only its size is.
const SHOWN_BYTES: usize = 1_024;

/// `GET /v1/threads/{threadId}/history`
pub(super) async fn of_thread(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    answer(&edge, &visitor, query.as_deref(), path.thread()?, None).await
}

/// `GET /v1/threads/{threadId}/items/{itemId}/history`
pub(super) async fn of_item(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    answer(&edge, &visitor, query.as_deref(), thread, Some(item)).await
}

async fn answer(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    thread: ThreadId,
    item: Option<ItemId>,
) -> Result<Response, ApiError> {
    let at = moment(edge, visitor, query)?;
    let project = visitor.caller().project;
    let asked = Asked {
        thread,
        item,
        after: cursor(edge, visitor, query)?.unwrap_or(Offset(0)),
        limit: limit(query)?,
    };
    let read = move |past: &mut Past<'_>, _: &_| past.history(&asked);
    let found = read_past(edge, visitor, query, at, read).await?;
    let cursor = |offset: Offset| edge.cursors.encode(project, offset);
    let events = found.value.events.iter();
    let body = HistoryAnswer {
        events: events
            .map(|entry| EntryAnswer::of(entry, &edge.cursors))
            .collect(),
        cursor: found.value.more_after.map(cursor),
    };
    Ok(marked(body, edge, visitor, found.offset))
}

#[derive(Debug, Serialize)]
struct HistoryAnswer<'a> {
    events: Vec<EntryAnswer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<CompactString>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryAnswer<'a> {
    cursor: CompactString,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "$createdAt")]
    created_at: String,
    principal: &'a Principal,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a Principal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expired: bool,
    changes: Vec<ChangeAnswer>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeAnswer {
    column: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_bytes: Option<usize>,
}

impl<'a> EntryAnswer<'a> {
    fn of(entry: &'a Entry, cursors: &CursorCodec) -> Self {
        let envelope = &entry.envelope;
        let cursor = |offset| cursors.encode(envelope.project, offset);
        Self {
            cursor: cursor(envelope.offset),
            kind: envelope.kind.name(),
            created_at: envelope.time.to_string(),
            principal: &envelope.principal,
            on_behalf_of: envelope.on_behalf_of.as_ref(),
            cause: envelope.cause.map(cursor),
            item_id: entry.item.as_deref(),
            expired: entry.expired,
            changes: entry.changes.iter().map(ChangeAnswer::of).collect(),
        }
    }
}

impl ChangeAnswer {
    fn of(change: &Change) -> Self {
        let (from, from_bytes) = change.from.as_ref().map_or((None, None), shown);
        let (to, to_bytes) = shown(&change.to);
        Self {
            column: change.column,
            from,
            from_bytes,
            to,
            to_bytes,
        }
    }
}

/// A value, or its size where it is large.
fn shown(value: &Value) -> (Option<Json>, Option<usize>) {
    let json = json(value);
    match json.to_string().len() {
        bytes if bytes > SHOWN_BYTES => (None, Some(bytes)),
        _ => (Some(json), None),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::from(*bool),
        Value::Int(int) => Json::from(*int),
        Value::Float(float) => Json::from(*float),
        Value::Text(text) => Json::from(text.as_str()),
        Value::Time(time) => Json::from(time.to_string()),
        Value::List(values) => Json::Array(values.iter().map(json).collect()),
        Value::Json(json) => json.clone(),
    }
}
