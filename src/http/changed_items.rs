//! Items after they were posted: `PATCH` and `DELETE …/items/{itemId}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use everlog_domain::threads::{DeleteItem, EditItem, Mentions, Part, ThreadCommand};
use serde::Deserialize;
use serde_json::Value as Body;

use super::asked::{Asked, Nothing};
use super::edge::Edge;
use super::item_rows::ItemPath;
use super::open_items::with_item;
use super::path::Path;
use super::threads::metadata;
use super::visitor::Visitor;
use super::writing::ThreadWrite;
use crate::error::ApiError;

/// `PATCH /v1/threads/{threadId}/items/{itemId}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditBody {
    parts: Option<Vec<Part>>,
    metadata: Option<Body>,
    tokens: Option<u32>,
    mentions: Option<Mentions>,
}

pub(super) async fn edit(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<EditBody>,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let EditBody {
        parts,
        metadata: body,
        tokens,
        mentions,
    } = asked.value;
    let command = ThreadCommand::Edit(EditItem {
        item: item.clone(),
        parts,
        metadata: metadata(body)?,
        tokens,
        mentions,
    });
    let granted = ThreadWrite::new(thread.clone(), command, wish)
        .ask(&edge, &visitor)
        .await?;
    with_item(&edge, &visitor, thread, item, &granted).await
}

/// `DELETE /v1/threads/{threadId}/items/{itemId}`
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let command = ThreadCommand::DeleteItem(DeleteItem { item });
    ThreadWrite::new(thread, command, wish)
        .change(&edge, &visitor)
        .await
}
