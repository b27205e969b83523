//! `/v1/threads/{threadId}/typing`: tells those who are in a thread that the caller types there. A signal of this
//! moment: nothing of it is in the log.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use everlog_domain::access::Action;
use everlog_domain::threads::ThreadRefusal;
use everlog_domain::time::Time;

use super::asked::{Asked, Nothing};
use super::edge::Edge;
use super::path::Path;
use super::reading::read_threads;
use super::thread_wire;
use super::threads::{ThreadPath, readable};
use super::visitor::Visitor;
use crate::clock;
use crate::error::ApiError;

/// How long the signal holds, in seconds: clients say it again every few seconds while somebody types.
const HOLDS: i64 = 10;

/// `PUT /v1/threads/{threadId}/typing`
pub(super) async fn put(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    _: Asked<Nothing>,
) -> Result<StatusCode, ApiError> {
    let now = clock::now();
    tell(&edge, &visitor, &path, Some(now.plus_seconds(HOLDS)), now).await
}

/// `DELETE /v1/threads/{threadId}/typing`
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    _: Asked<Nothing>,
) -> Result<StatusCode, ApiError> {
    tell(&edge, &visitor, &path, None, clock::now()).await
}

/// Who may post in a thread may say that it types there.
async fn tell(
    edge: &Edge,
    visitor: &Visitor,
    path: &ThreadPath,
    until: Option<Time>,
    now: Time,
) -> Result<StatusCode, ApiError> {
    visitor.require("threads.write")?;
    let thread = path.thread()?;
    let named = thread.clone();
    let may = read_threads(edge, visitor, None, move |view, caller| {
        let row = readable(view, caller, &named)?;
        let action = Action::Create;
        match thread_wire::access(&row).allows(caller, action) {
            true => Ok(()),
            false => Err(ThreadRefusal::Forbidden { action }.into()),
        }
    });
    may.await?;
    let caller = visitor.caller();
    let hub = edge.node.hub();
    hub.tell_typing(caller.project, &thread, &caller.principal, until, now);
    Ok(StatusCode::NO_CONTENT)
}
