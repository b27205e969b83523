//! `/v1/threads/{threadId}/participants`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use everlog_domain::ids::ThreadId;
use everlog_domain::threads::{
    AddParticipant, Participant, ParticipantId, ParticipantRole, RemoveParticipant, ThreadCommand,
};
use serde::{Deserialize, Serialize};

use super::answer::marked;
use super::asked::{Asked, Nothing};
use super::edge::Edge;
use super::path::Path;
use super::reading::read_threads;
use super::thread_wire::{ParticipantAnswer, participants};
use super::threads::{ThreadPath, readable};
use super::visitor::Visitor;
use super::writing::{ThreadWrite, written};
use crate::error::ApiError;
use crate::json_answer::JsonAnswer;

/// The participant that a path names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParticipantPath {
    thread_id: String,
    participant_id: String,
}

impl ParticipantPath {
    fn parse(&self) -> Result<(ThreadId, ParticipantId), ApiError> {
        let thread = ThreadId::parse(&self.thread_id);
        let thread = thread.map_err(|error| ApiError::argument("threadId", error))?;
        let id = ParticipantId::parse(&self.participant_id);
        let wrong = || ApiError::argument("participantId", "expected user:ID or agent:ID");
        Ok((thread, id.ok_or_else(wrong)?))
    }
}

#[derive(Debug, Serialize)]
struct ParticipantList {
    total: usize,
    participants: Vec<ParticipantAnswer>,
}

/// `GET /v1/threads/{threadId}/participants`
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        Ok(participants(&readable(view, caller, &thread)?))
    });
    let found = found.await?;
    let body = ParticipantList {
        total: found.value.len(),
        participants: found.value,
    };
    Ok(marked(body, &edge, &visitor, found.offset))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParticipantBody {
    role: ParticipantRole,
}

/// `PUT /v1/threads/{threadId}/participants/{participantId}`
pub(super) async fn put(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ParticipantPath>,
    asked: Asked<ParticipantBody>,
) -> Result<Response, ApiError> {
    let (thread, id) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let participant = Participant {
        id,
        role: asked.value.role,
    };
    let body = JsonAnswer(participant.clone());
    let command = ThreadCommand::AddParticipant(AddParticipant { participant });
    let granted = ThreadWrite::new(thread, command, wish)
        .ask(&edge, &visitor)
        .await?;
    written(&edge, &visitor, &granted, StatusCode::OK, body).await
}

/// `DELETE /v1/threads/{threadId}/participants/{participantId}`
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ParticipantPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    let (thread, participant) = path.parse()?;
    let wish = asked.wish(&edge, &visitor);
    let command = ThreadCommand::RemoveParticipant(RemoveParticipant { participant });
    ThreadWrite::new(thread, command, wish)
        .change(&edge, &visitor)
        .await
}
