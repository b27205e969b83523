//! `GET /v1/log`

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use everlog_domain::ids::{Offset, ProjectNumber};
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::value::RawValue;

use super::asked::{Asked, Begin};
use super::form::Form;
use super::page::{self, Ask, Found};
use super::standing::Standing;
use super::stream::{LogStream, Next};
use crate::cursor::LOG_SCOPE;
use crate::error::{ApiError, ErrorBody, ErrorType};
use crate::http::{Edge, Visitor, mark};
use crate::json_answer::JsonAnswer;
use crate::live::Places;

/// Bytes of events of a JSON answer, after which it ends; the rest begins at `next`.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Events that are looked at for a JSON answer.
const ANSWER_EVENTS: usize = 100_000;
/// Bytes of lines that are handed over at once.
const LINES_AT_ONCE: usize = 64 * 1024;
/// Tells proxies to hand on what they get at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A page of the log as JSON.
#[derive(Serialize)]
struct Answer {
    events: Vec<Box<RawValue>>,
    /// Where the rest begins; null where all that was asked for has been looked at.
    next: Option<u64>,
}

/// The last line of a stream that ends before its end.
#[derive(Serialize)]
struct Broken<'a> {
    error: ErrorBody<'a>,
}

pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    Extension(places): Extension<Places>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    visitor.require(LOG_SCOPE)?;
    let form = Form::accepted(&headers);
    let asked = Asked::parse(query.as_deref().unwrap_or_default(), &headers, form)?;
    let project = visitor.caller().project;
    let head = head(&edge, project).await?;
    let from = match asked.begin {
        Begin::At(from) => from,
        Begin::Now => head.next(),
        Begin::After(last) if last > head => {
            let message =
                "Last-Event-ID lies beyond the log, which was restored from an older copy";
            return Err(ApiError::new(ErrorType::CursorInvalid, message));
        }
        Begin::After(last) => last.next(),
    };
    let until = match asked.tail {
        true => None,
        false => Some(asked.until.map_or(head, |until| until.min(head))),
    };
    let open = || {
        let place = places.take(project, None)?;
        let standing = Standing::new(&edge, visitor.clone(), LOG_SCOPE);
        let within = (from, until);
        Ok::<_, ApiError>(LogStream::new(
            &edge, standing, project, &asked, within, place,
        ))
    };
    let mut response = match form {
        Form::Json => page_of(&edge, project, &asked, (from, until.unwrap_or(head))).await?,
        Form::Lines(kind) => in_lines(kind, open()?),
        Form::Events => Sse::new(sent_events(open()?)).into_response(),
    };
    mark(&mut response, &edge, &visitor, head);
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

/// The newest visible event.
async fn head(edge: &Edge, project: ProjectNumber) -> Result<Offset, ApiError> {
    let reads = edge.node.reads();
    let head = reads.run(project, move |view, _| view.project_head(project));
    let head = head.await??;
    Ok(head.map_or(Offset(0), |head| head.offset))
}

/// One page as JSON. What it would take too long to look for is left to the next request.
async fn page_of(
    edge: &Edge,
    project: ProjectNumber,
    asked: &Asked,
    (mut from, until): (Offset, Offset),
) -> Result<Response, ApiError> {
    let mut left = asked.limit.unwrap_or(u64::MAX);
    let (mut bytes, mut looked_at) = (0, 0);
    let mut events = Vec::new();
    while from <= until && left > 0 && bytes < ANSWER_BYTES && looked_at < ANSWER_EVENTS {
        let ask = Ask {
            project,
            filter: Arc::clone(&asked.filter),
            from,
            until: Some(until),
            most: left,
        };
        let read = edge
            .node
            .reads()
            .run(project, move |view, log| page::read(view, log, &ask));
        let page = match read.await.map_err(ApiError::from).flatten() {
            Ok(page) => page,
            // what was found before it is answered first; the next page begins with the failure
            Err(_) if looked_at > 0 => break,
            Err(error) => return Err(error),
        };
        (from, looked_at) = (page.next, looked_at + page.looked_at);
        left -= page.found.len() as u64;
        for Found { text, .. } in page.found {
            bytes += text.len();
            events.push(RawValue::from_string(text).map_err(ApiError::internal)?);
        }
    }
    let next = (from <= until).then_some(from.0);
    Ok(JsonAnswer(Answer { events, next }).into_response())
}

fn in_lines(kind: &'static str, log: LogStream) -> Response {
    let mut response = Body::from_stream(lines(log)).into_response();
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn sent_events(log: LogStream) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(log, async |mut log| {
        let event = match log.next().await? {
            Next::Event(Found { offset, kind, text }) => Event::default()
                .id(offset.to_string())
                .event(kind.name())
                .data(text),
            Next::Heartbeat => Event::default().comment(""),
            Next::Failed(error) => Event::default().event("failure").data(broken(&error)),
        };
        Some((Ok(event), log))
    })
}

/// An empty line is the sign of life of this form, an error is its last line.
fn lines(log: LogStream) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(log, async |mut log| {
        let mut lines = String::new();
        let mut next = Some(log.next().await?);
        while let Some(line) = next {
            match line {
                Next::Event(found) => lines.push_str(&found.text),
                Next::Heartbeat => {}
                Next::Failed(error) => lines.push_str(&broken(&error)),
            }
            lines.push('\n');
            // and those that are there already
            next = match lines.len() < LINES_AT_ONCE {
                true => log.next_found(),
                false => None,
            };
        }
        Some((Ok(Bytes::from(lines)), log))
    })
}

fn broken(error: &ApiError) -> String {
    let broken = Broken {
        error: error.body(),
    };
    // string keys only, so that it can be written
    serde_json::to_string(&broken).unwrap_or_default()
}
