//! Reads: a consistent view, if need be one that has reached an offset.

use std::time::Duration;

use everlog_domain::access::Caller;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::RowsView;
use tokio::time::{Instant, sleep};

use super::edge::Edge;
use super::visitor::Visitor;
use crate::error::{ApiError, ErrorType};

/// How long a read waits for its `minOffset`.
const WAIT: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK_EACH: Duration = Duration::from_millis(20);

/// What a read found, and the place in the log that it stands for.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) offset: Offset,
}

/// Reads under the scope `threads.read`. `query` is the request's query string, which may name a
/// `minOffset`.
pub(super) async fn read_threads<T: Send + 'static>(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    read: impl FnOnce(&dyn RowsView, &Caller) -> Result<T, ApiError> + Send + 'static,
) -> Result<Found<T>, ApiError> {
    read_under("threads.read", edge, visitor, query, read).await
}

/// Reads under a scope.
pub(super) async fn read_under<T: Send + 'static>(
    scope: &str,
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    read: impl FnOnce(&dyn RowsView, &Caller) -> Result<T, ApiError> + Send + 'static,
) -> Result<Found<T>, ApiError> {
    visitor.require(scope)?;
    wait_for_min(edge, visitor, query).await?;
    let caller = visitor.caller().clone();
    let project = caller.project;
    let read = edge.node.reads().run(project, move |view, _| {
        let head = view.project_head(project)?;
        let value = read(view, &caller)?;
        let offset = head.map_or(Offset(0), |head| head.offset);
        Ok::<_, ApiError>(Found { value, offset })
    });
    read.await?
}

/// Waits until the rows have reached the `minOffset` of a query string, if it names one.
pub(crate) async fn wait_for_min(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
) -> Result<(), ApiError> {
    match min_offset(edge, visitor, query.unwrap_or_default())? {
        Some(offset) => wait_for(edge, visitor.caller().project, offset).await,
        None => Ok(()),
    }
}

fn min_offset(edge: &Edge, visitor: &Visitor, query: &str) -> Result<Option<Offset>, ApiError> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let Some((_, text)) = pairs.find(|(name, _)| name == "minOffset") else {
        return Ok(None);
    };
    let offset = edge.cursors.named(visitor.caller(), &text);
    offset.map(Some).ok_or_else(|| {
        let message =
            "minOffset: expected a cursor of this project, as X-Everlog-Cursor brought it";
        ApiError::new(ErrorType::CursorInvalid, message)
    })
}

async fn wait_for(edge: &Edge, project: ProjectNumber, offset: Offset) -> Result<(), ApiError> {
    let until = Instant::now() + WAIT;
    loop {
        let head = edge
            .node
            .reads()
            .run(project, move |view, _| view.project_head(project));
        let reached = head.await??.map_or(Offset(0), |head| head.offset);
        if reached >= offset {
            return Ok(());
        }
        if Instant::now() >= until {
            let message = "minOffset: the project has not got there yet";
            let error = ApiError::new(ErrorType::OffsetNotReached, message);
            return Err(error.retry_after(Duration::from_secs(1)));
        }
        sleep(LOOK_EACH).await;
    }
}
