//! Writes: from a command to what was granted, and its answer.

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use everlog_actors::{Granted, IdOrigin, ProjectCommand, ProjectRequest, Refused, ThreadRequest};
use everlog_domain::envelope::Idempotency;
use everlog_domain::ids::{Offset, ThreadId};
use everlog_domain::threads::ThreadCommand;

use super::answer::{REPLAYED, mark};
use super::edge::Edge;
use super::visitor::Visitor;
use crate::error::ApiError;

/// How often a write is authorised anew because somebody's access changed meanwhile.
const ATTEMPTS: usize = 3;

/// A wish about a thread, ready to be asked.
pub(super) struct ThreadWrite {
    pub(super) thread: ThreadId,
    pub(super) command: ThreadCommand,
    pub(super) item_id: IdOrigin,
    pub(super) wish: Option<Idempotency>,
}

impl ThreadWrite {
    /// A wish that makes no item.
    pub(super) fn new(thread: ThreadId, command: ThreadCommand, wish: Option<Idempotency>) -> Self {
        Self {
            thread,
            command,
            item_id: IdOrigin::Chosen,
            wish,
        }
    }

    /// Asks for it. Where access moved, the caller is authenticated again, so that no write slips
    /// past a revocation.
    pub(super) async fn ask(self, edge: &Edge, visitor: &Visitor) -> Result<Granted, ApiError> {
        Ok(self.try_ask(edge, visitor).await??)
    }

    /// The same, with why it was refused.
    pub(super) async fn try_ask(
        self,
        edge: &Edge,
        visitor: &Visitor,
    ) -> Result<Result<Granted, Refused>, ApiError> {
        let mut visitor = visitor.clone();
        let mut attempt = 1;
        loop {
            visitor.require("threads.write")?;
            match edge.node.thread(self.request(&visitor)).await {
                Err(Refused::AccessMoved) if attempt < ATTEMPTS => {
                    visitor = visitor.again(edge).await?;
                    attempt += 1;
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Asks for a change whose answer says nothing but that it stands.
    pub(super) async fn change(self, edge: &Edge, visitor: &Visitor) -> Result<Response, ApiError> {
        let granted = self.ask(edge, visitor).await?;
        written(edge, visitor, &granted, StatusCode::NO_CONTENT, ()).await
    }

    fn request(&self, visitor: &Visitor) -> ThreadRequest {
        ThreadRequest {
            caller: visitor.caller().clone(),
            thread: self.thread.clone(),
            command: self.command.clone(),
            item_id: self.item_id,
            wish: self.wish,
            now: crate::clock::now(),
        }
    }
}

/// Asks for something about people; `scope` is needed each time that the caller is authenticated.
pub(super) async fn ask_project(
    edge: &Edge,
    visitor: &Visitor,
    scope: &str,
    command: ProjectCommand,
    wish: Option<Idempotency>,
) -> Result<Granted, ApiError> {
    let mut visitor = visitor.clone();
    let mut attempt = 1;
    loop {
        visitor.require(scope)?;
        let request = ProjectRequest {
            caller: visitor.caller().clone(),
            command: command.clone(),
            wish,
            now: crate::clock::now(),
        };
        match edge.node.project(request).await {
            Err(Refused::AccessMoved) if attempt < ATTEMPTS => {
                visitor = visitor.again(edge).await?;
                attempt += 1;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// The answer to a write: its body under the status that the first answer had, the cursor, and
/// whether it is a repetition.
pub(super) async fn written(
    edge: &Edge,
    visitor: &Visitor,
    granted: &Granted,
    status: StatusCode,
    body: impl IntoResponse,
) -> Result<Response, ApiError> {
    let mut response = (status, body).into_response();
    let offset = match granted.offset() {
        Some(offset) => offset,
        None => newest(edge, visitor).await?,
    };
    mark(&mut response, edge, visitor, offset);
    if granted.repeated {
        let headers = response.headers_mut();
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Where the project's log is, for a write that changed nothing.
async fn newest(edge: &Edge, visitor: &Visitor) -> Result<Offset, ApiError> {
    let project = visitor.caller().project;
    let head = edge
        .node
        .reads()
        .run(project, move |view, _| view.project_head(project));
    Ok(head.await??.map_or(Offset(0), |head| head.offset))
}
