//! `GET /v1/export/threads` and `GET /v1/threads/{threadId}/export`

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use everlog_domain::ids::{ItemId, ThreadId};
use futures_util::{Stream, stream};

use super::export_stream::{After, ExportStream, Which};
use crate::error::ApiError;
use crate::http::{Edge, Path, ThreadPath, Visitor, mark, moment, wait_for_min};
use crate::live::Places;

/// Tells proxies to hand on what they get at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// All threads that the caller may read.
pub(super) async fn all(
    State(edge): State<Arc<Edge>>,
    Extension(places): Extension<Places>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let which = Which::All(after(query.as_deref())?);
    export(&edge, &places, visitor, query.as_deref(), which).await
}

/// One thread.
pub(super) async fn one(
    State(edge): State<Arc<Edge>>,
    Extension(places): Extension<Places>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let which = Which::One(path.thread()?);
    export(&edge, &places, visitor, query.as_deref(), which).await
}

async fn export(
    edge: &Arc<Edge>,
    places: &Places,
    visitor: Visitor,
    query: Option<&str>,
    which: Which,
) -> Result<Response, ApiError> {
    // who may not read at all is told so, whatever is asked for
    let at = moment(edge, &visitor, query)?;
    wait_for_min(edge, &visitor, query).await?;
    let place = places.take(visitor.caller().project, None)?;
    let export = ExportStream::begin(edge, visitor.clone(), which, at, place).await?;
    let offset = export.at();
    let mut response = Body::from_stream(lines(export)).into_response();
    mark(&mut response, edge, &visitor, offset);
    let headers = response.headers_mut();
    let lines = HeaderValue::from_static("application/x-ndjson");
    headers.insert(header::CONTENT_TYPE, lines);
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

fn lines(export: ExportStream) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(export, async |mut export| {
        let lines = export.next().await?;
        Some((Ok(Bytes::from(lines)), export))
    })
}

/// Where a download that was cut goes on: `THREAD`, which came whole, or `THREAD/ITEM`, the last
/// item that came.
fn after(query: Option<&str>) -> Result<Option<After>, ApiError> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let Some((_, text)) = pairs.find(|(name, _)| name == "after") else {
        return Ok(None);
    };
    let (thread, item) = match text.split_once('/') {
        Some((thread, item)) => (thread, Some(item)),
        None => (text.as_ref(), None),
    };
    let wrong = |error| ApiError::argument("after", error);
    Ok(Some(After {
        thread: ThreadId::parse(thread).map_err(wrong)?,
        item: item.map(ItemId::parse).transpose().map_err(wrong)?,
    }))
}
