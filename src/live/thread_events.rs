//! `GET /v1/threads/{threadId}/events`: a live subscription to one thread as server-sent events.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use compact_str::CompactString;
use everlog_domain::ids::ThreadId;
use serde::Deserialize;

use super::calls::ByCall;
use super::event_stream::{self, Pipe, Unopened};
use super::past_texts::PastTexts;
use super::places::Places;
use super::protocol::{Begin, FrameId, Subscribe};
use super::results::{ProcessRoom, Room};
use super::session::Session;
use super::socket::peer;
use crate::error::{ApiError, ErrorBody, ErrorType};
use crate::http::{Edge, Path, Visitor};
use crate::json_answer::JsonAnswer;

/// The name of the one subscription in its frames.
const SUBSCRIPTION: &str = "events";
/// Where the client was when it lost the connection.
const LAST_EVENT_ID: &str = "last-event-id";
/// Tells proxies to hand on what they get at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The thread that a path names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThreadPath {
    thread_id: String,
}

/// Opens the stream, or says why not with a status, as the session finds it.
pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    Extension(places): Extension<Places>,
    Extension(room): Extension<ProcessRoom>,
    Extension(texts): Extension<PastTexts>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    if parts.extensions.get::<ByCall>().is_some() {
        let reason = "an answer without an end is none to a call: subscribe to threads/{threadId}";
        return Err(ApiError::argument("path", reason));
    }
    let subscribe = subscribe(&path, &parts)?;
    let project = visitor.caller().project;
    let place = places.take(project, edge.node.quotas(project)?.connections)?;
    let peer = peer(&visitor, Room::new(room), texts, &parts, place)?;
    let Pipe {
        incoming,
        outgoing,
        opened,
        events,
    } = event_stream::pipe(subscribe);
    let session = Session::new(Arc::clone(&edge), peer, incoming, outgoing);
    edge.stopping.tasks.spawn(async move {
        let ending = session.run().await;
        tracing::debug!(?ending, "a stream of a thread ended");
    });
    match opened.await {
        Ok(Ok(())) => {
            let mut response = Sse::new(events).into_response();
            let headers = response.headers_mut();
            headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
            Ok(response)
        }
        Ok(Err(unopened)) => Ok(unopened.into_response()),
        // the session ended before it got there
        Err(_) => {
            let message = "the server is too busy or stops: come back later";
            let wait = std::time::Duration::from_secs(1);
            Err(ApiError::new(ErrorType::ServerBusy, message).retry_after(wait))
        }
    }
}

/// The subscription that a request stands for.
fn subscribe(path: &ThreadPath, parts: &Parts) -> Result<Subscribe, ApiError> {
    // what is decoded from a path may hold a slash, and would name another resource
    let thread = ThreadId::parse(&path.thread_id);
    let thread = thread.map_err(|error| ApiError::argument("threadId", error))?;
    let (mut from, mut queries) = (None, Vec::new());
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "from" => from = Some(CompactString::from(value)),
            // read with the credentials
            "project" => {}
            "queries" => queries.push(value.into_owned()),
            name if name.starts_with("queries[") => queries.push(value.into_owned()),
            other => {
                let other: String = other.chars().take(64).collect();
                let message = format!("expected the parameters from and queries, found {other:?}");
                return Err(ApiError::new(ErrorType::ArgumentInvalid, message));
            }
        }
    }
    if let Some(last) = parts.headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) {
        // newer than the address, which the client keeps while it comes back
        let last = last
            .to_str()
            .map_err(|error| ApiError::argument("Last-Event-ID", error))?;
        from = Some(last.into());
    }
    Ok(Subscribe {
        id: FrameId::own(SUBSCRIPTION),
        resource: format!("threads/{thread}"),
        queries,
        from: Begin::of(from),
        // Whoever comes by a plain request is not seen.
        signals: false,
    })
}

impl IntoResponse for Unopened {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody::new(&self.message, self.code, &self.kind);
        let mut response = (status, JsonAnswer(body)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("1");
            response
                .headers_mut()
                .insert(axum::http::header::RETRY_AFTER, soon);
        }
        response
    }
}
