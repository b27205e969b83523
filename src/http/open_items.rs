//! Items that are being written: `…/items/{itemId}/deltas`, `/finish`, `/abandon`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::Granted;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::threads::{
    AbandonItem, AppendDelta, Delta, FinishItem, Mentions, ThreadCommand,
};
use serde::Deserialize;
use serde_json::Value as Body;

use super::asked::Asked;
use super::edge::Edge;
use super::item_rows::{ItemPath, readable_item};
use super::item_wire::ItemAnswer;
use super::path::Path;
use super::threads::metadata;
use super::visitor::Visitor;
use super::writing::{ThreadWrite, written};
use crate::error::{ApiError, ErrorType};
use crate::json_answer::JsonAnswer;

/// Most deltas of one request.
const MAX_DELTAS: usize = 1_000;
/// Longest reason for giving an item up, in characters.
const MAX_REASON: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeltasBody {
    deltas: Vec<Delta>,
}

/// `POST …/items/{itemId}/deltas`: answered without a body, many times a second.
pub(super) async fn append(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<DeltasBody>,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let deltas = asked.value.deltas;
    if deltas.len() > MAX_DELTAS {
        let reason = format!(
            "expected at most {MAX_DELTAS} deltas, found {}",
            deltas.len()
        );
        return Err(ApiError::argument("deltas", reason));
    }
    let command = ThreadCommand::Append(AppendDelta { item, deltas });
    ThreadWrite::new(thread, command, wish)
        .change(&edge, &visitor)
        .await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FinishBody {
    tokens: Option<u32>,
    metadata: Option<Body>,
    mentions: Option<Mentions>,
}

/// `POST …/items/{itemId}/finish`
pub(super) async fn finish(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<FinishBody>,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let command = ThreadCommand::Finish(FinishItem {
        item: item.clone(),
        tokens: asked.value.tokens,
        metadata: metadata(asked.value.metadata)?,
        mentions: asked.value.mentions,
    });
    let granted = ThreadWrite::new(thread.clone(), command, wish)
        .ask(&edge, &visitor)
        .await?;
    with_item(&edge, &visitor, thread, item, &granted).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbandonBody {
    reason: Option<String>,
}

/// `POST …/items/{itemId}/abandon`
pub(super) async fn abandon(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<AbandonBody>,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let reason = asked.value.reason;
    if reason
        .as_ref()
        .is_some_and(|reason| reason.chars().count() > MAX_REASON)
    {
        let reason = format!("expected at most {MAX_REASON} characters");
        return Err(ApiError::argument("reason", reason));
    }
    let command = ThreadCommand::Abandon(AbandonItem {
        item: item.clone(),
        reason,
    });
    let granted = ThreadWrite::new(thread.clone(), command, wish)
        .ask(&edge, &visitor)
        .await?;
    with_item(&edge, &visitor, thread, item, &granted).await
}

/// The answer to a change of an item: the item as it is by now, or nothing
/// if the caller may post in the thread but not read it.
pub(super) async fn with_item(
    edge: &Edge,
    visitor: &Visitor,
    thread: ThreadId,
    item: ItemId,
    granted: &Granted,
) -> Result<Response, ApiError> {
    let caller = visitor.caller().clone();
    let row = edge.node.reads().run(caller.project, move |view, _| {
        readable_item(view, &caller, &thread, &item)
    });
    let row = match row.await? {
        Ok(row) => row,
        Err(error)
            if matches!(
                error.kind(),
                ErrorType::ThreadNotFound | ErrorType::ItemNotFound
            ) =>
        {
            return written(edge, visitor, granted, StatusCode::NO_CONTENT, ()).await;
        }
        Err(error) => return Err(error),
    };
    let answer = JsonAnswer(ItemAnswer::of_row(&row));
    written(edge, visitor, granted, StatusCode::OK, answer).await
}
