//! `GET /metrics` in Prometheus' text form, for this machine and the networks that the operator
//! names. No label bears anything of a tenant's.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use metrics::gauge;

use super::edge::Edge;
use crate::error::{ApiError, ErrorType};
use crate::telemetry;

/// Prometheus' text form.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn get(State(edge): State<Arc<Edge>>, parts: Parts) -> Response {
    if !edge.addresses.may_read_metrics(&parts) {
        let message = "metrics are for this machine; the operator names others with --metrics-from";
        return ApiError::new(ErrorType::AccessForbidden, message).into_response();
    }
    // counts that are known when they are asked for
    let actors = u32::try_from(edge.node.actors()).unwrap_or(u32::MAX);
    gauge!("everlog_actors").set(f64::from(actors));
    let hub = edge.node.hub();
    for (name, count) in [
        ("everlog_live_subscriptions", hub.watches()),
        ("everlog_live_rings", hub.rings()),
        ("everlog_live_ring_bytes", hub.bytes()),
    ] {
        // A gauge is a float, which holds such counts exactly.
        gauge!(name).set(u32::try_from(count).map_or(f64::MAX, f64::from));
    }
    ([(CONTENT_TYPE, TEXT)], telemetry::render_metrics()).into_response()
}
