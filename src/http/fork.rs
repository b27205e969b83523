//! `POST /v1/threads/{threadId}/fork`: a thread as another one stands, or stood.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::{Granted, Refused};
use everlog_domain::event::Event;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::threads::{ForkFrom, ForkThread, ThreadCommand, ThreadEvent, ThreadRefusal};
use serde::Deserialize;

use super::asked::Asked;
use super::edge::Edge;
use super::new_id::new_id;
use super::past::read_past;
use super::path::Path;
use super::thread_wire::ThreadAnswer;
use super::threads::{ThreadPath, permissions};
use super::visitor::Visitor;
use super::writing::{ThreadWrite, written};
use crate::error::ApiError;
use crate::json_answer::JsonAnswer;
use crate::past::At;

/// How often the past is read again because an item was changed meanwhile.
const ATTEMPTS: usize = 3;

/// `POST /v1/threads/{threadId}/fork`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ForkBody {
    /// Of the fork.
    thread_id: Option<String>,
    /// Up to this item.
    item_id: Option<String>,
    /// As it stood at this moment.
    at: Option<String>,
    /// Absent: those of the thread.
    permissions: Option<Vec<String>>,
}

pub(super) async fn fork(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<ForkBody>,
) -> Result<Response, ApiError> {
    visitor.require("threads.read")?;
    visitor.require("threads.write")?;
    let source = path.thread()?;
    let wish = asked.wish(&edge, &visitor);
    let body = asked.value;
    let chosen = body.thread_id.as_deref();
    let new = new_id(
        "threadId",
        chosen,
        wish.as_ref(),
        ThreadId::parse,
        ThreadId::from_seed,
    )?;
    let place = Place::of(&body, &edge, &visitor)?;
    let permissions = body.permissions.as_deref().map(permissions).transpose()?;
    let mut attempt = 1;
    let granted = loop {
        let command = ThreadCommand::Fork(ForkThread {
            fork: new.id.clone(),
            from: place.read(&edge, &visitor, &source).await?,
            permissions: permissions.clone(),
        });
        let write = ThreadWrite::new(source.clone(), command, wish);
        match write.try_ask(&edge, &visitor).await? {
            Err(Refused::Thread(ThreadRefusal::PastChanged)) if attempt < ATTEMPTS => attempt += 1,
            outcome => break outcome?,
        }
    };
    let body = JsonAnswer(forked(&granted)?);
    written(&edge, &visitor, &granted, StatusCode::CREATED, body).await
}

fn forked(granted: &Granted) -> Result<ThreadAnswer, ApiError> {
    let mut events = granted.events.iter();
    let answer = events.find_map(|recorded| match &recorded.event {
        Event::Thread(ThreadEvent::ThreadForked(forked)) => {
            Some(ThreadAnswer::of_fork(&recorded.envelope, forked))
        }
        _ => None,
    });
    answer.ok_or_else(|| ApiError::internal("a forked thread without its event"))
}

/// Up to where a fork goes.
enum Place {
    Now(ForkFrom),
    Moment(At),
}

impl Place {
    fn of(body: &ForkBody, edge: &Edge, visitor: &Visitor) -> Result<Self, ApiError> {
        match (&body.item_id, &body.at) {
            (None, None) => Ok(Self::Now(ForkFrom::Whole)),
            (Some(item), None) => {
                let item = ItemId::parse(item);
                let item = item.map_err(|error| ApiError::argument("itemId", error))?;
                Ok(Self::Now(ForkFrom::Item(item)))
            }
            (None, Some(at)) => At::parse(at, visitor.caller(), &edge.cursors).map(Self::Moment),
            (Some(_), Some(_)) => Err(ApiError::argument(
                "at",
                "expected itemId or at, found both: an item is forked from as it stands",
            )),
        }
    }

    async fn read(
        &self,
        edge: &Edge,
        visitor: &Visitor,
        source: &ThreadId,
    ) -> Result<ForkFrom, ApiError> {
        let at = match self {
            Self::Now(from) => return Ok(from.clone()),
            Self::Moment(at) => *at,
        };
        let source = source.clone();
        let then = read_past(edge, visitor, None, Some(at), move |past, _| {
            let head = past.newest()?;
            past.thread_to_fork(&source, head)
        });
        Ok(ForkFrom::Past(Box::new(then.await?.value)))
    }
}
