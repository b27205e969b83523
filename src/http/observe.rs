//! Around every request: a span, counts, a time limit, and headers that every answer bears.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::error::{ApiError, ErrorType};

/// How long a request may take, its body included.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Names the request in the server's log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-everlog-request-id");

/// Runs a request. Only the route's pattern is recorded: paths and queries hold tenants' ids.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = hex::encode(crate::random::bytes::<8>());
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id, method, route, status = tracing::field::Empty);
    let answer = tokio::time::timeout(TIME_LIMIT, next.run(request)).instrument(span.clone());
    let mut response = answer.await.unwrap_or_else(|_| {
        let message = "the request took too long; whether it was granted is unknown";
        ApiError::new(ErrorType::RequestTimeout, message).into_response()
    });
    let status = response.status().as_u16();
    span.record("status", status);
    let elapsed = started.elapsed();
    span.in_scope(|| tracing::debug!(elapsed_us = elapsed.as_micros(), "answered"));
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.to_string()),
    ];
    metrics::counter!("everlog_http_requests_total", &labels).increment(1);
    metrics::histogram!("everlog_http_request_seconds", &labels[..2]).record(elapsed.as_secs_f64());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

/// The method's name. Any token is a method to HTTP (RFC 9110, 9.1), so that a stranger's own would
/// each be a series that is kept for ever.
const fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The answer where a handler panicked: a mistake of ours, in one request.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer that catches it gives it away"
)]
pub(super) fn panicked(reason: Box<dyn std::any::Any + Send>) -> Response {
    let text = reason.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| reason.downcast_ref::<String>().cloned());
    ApiError::internal(text.as_deref().unwrap_or("a panic without words")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_method_is_no_label_of_its_own() {
        let made_up = Method::from_bytes(b"AAAA1").unwrap();
        assert_eq!(known(&made_up), "other");
        assert_eq!(known(&Method::PATCH), "PATCH");
    }
}
