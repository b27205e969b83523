//! `GET /v1/health`: for load balancers and people; needs no credentials and tells no secrets.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::edge::Edge;
use crate::json_answer::JsonAnswer;

/// How the server is.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    /// The newest visible batch: it grows while anything is written.
    commit: u64,
}

pub(super) async fn get(State(edge): State<Arc<Edge>>) -> Response {
    let stopping = edge.stopping.begun.is_cancelled();
    let (status, code) = match stopping {
        true => ("stopping", StatusCode::SERVICE_UNAVAILABLE),
        false => ("pass", StatusCode::OK),
    };
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        commit: edge.node.reached().0,
    };
    (code, JsonAnswer(health)).into_response()
}
