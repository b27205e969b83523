//! What answers have in common.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use everlog_domain::ids::Offset;
use serde::Serialize;
use serde_json::Value as Json;

use super::edge::Edge;
use super::visitor::Visitor;
use crate::cursor::LOG_SCOPE;
use crate::json_answer::JsonAnswer;

/// The place in the log that the answer stands for.
pub(super) const CURSOR: HeaderName = HeaderName::from_static("x-everlog-cursor");
/// The same as a number, for those who may read the log.
pub(super) const OFFSET: HeaderName = HeaderName::from_static("x-everlog-offset");
/// The answer is the one to an earlier request with the same idempotency key.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The answer to a read: its body as JSON, and the place in the log that it stands for.
pub(super) fn marked<T: Serialize>(
    body: T,
    edge: &Edge,
    visitor: &Visitor,
    offset: Offset,
) -> Response {
    let mut response = JsonAnswer(body).into_response();
    mark(&mut response, edge, visitor, offset);
    response
}

/// Says which place in the log an answer stands for.
pub(crate) fn mark(response: &mut Response, edge: &Edge, visitor: &Visitor, offset: Offset) {
    let caller = visitor.caller();
    let cursor = edge.cursors.encode(caller.project, offset);
    let headers = response.headers_mut();
    if let Ok(cursor) = HeaderValue::from_str(&cursor) {
        headers.insert(CURSOR, cursor);
    }
    if caller.scopes.contains(LOG_SCOPE) {
        headers.insert(OFFSET, HeaderValue::from(offset.0));
    }
}

/// The fields that were selected, and the `$` fields; all if nothing was selected.
pub(super) fn selected<T: Serialize>(value: &T, select: Option<&[String]>) -> Json {
    // answers have string keys only, so this cannot fail
    let mut json = serde_json::to_value(value).unwrap_or(Json::Null);
    if let (Some(fields), Json::Object(map)) = (select, &mut json) {
        map.retain(|name, _| name.starts_with('$') || fields.iter().any(|field| field == name));
    }
    json
}
