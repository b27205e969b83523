//! Around every request: a name, counts, a time limit, and headers that every answer bears.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use metrics::{Counter, Histogram, counter, histogram};
use parking_lot::RwLock;
use tracing::Instrument;

use crate::error::{ApiError, ErrorType};
use crate::request_id::RequestId;

/// How long a request may take, its body included.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Names the request in the server's log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-everlog-request-id");
/// Names of methods in labels. Any token is a method to HTTP (RFC 9110, 9.1), so that a stranger's
/// own would each be a series that is kept for ever: they share the last one.
const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other",
];

/// What is counted of each route. Only its pattern is recorded: paths and queries hold tenants' ids.
#[derive(Default)]
pub(super) struct Traffic {
    routes: matchit::Router<RouteTraffic>,
    elsewhere: RouteTraffic,
}

/// What is counted of one route, by method.
struct RouteTraffic([MethodTraffic; METHODS.len()]);

/// What is counted of one method on one route. Handles are made at their first use and kept: to
/// find them by their labels costs more than many a request.
struct MethodTraffic {
    route: &'static str,
    method: &'static str,
    seconds: OnceLock<Histogram>,
    /// By status: there are no more than the server answers with.
    answers: RwLock<Vec<(StatusCode, Counter)>>,
}

impl Traffic {
    /// Counts a route by itself.
    pub(super) fn watch(&mut self, pattern: &'static str) {
        let known = self.routes.insert(pattern, RouteTraffic::of(pattern));
        // axum refuses the same patterns, and panics then
        debug_assert!(known.is_ok(), "{pattern}: {known:?}");
    }

    /// Answers a request under its name, counts it, and sees that it comes to an end.
    pub(super) async fn answer(
        &self,
        id: RequestId,
        method: &Method,
        path: &str,
        answer: impl Future<Output = Response>,
    ) -> Response {
        let traffic = self.route(path).method(method);
        let started = Instant::now();
        let MethodTraffic { route, method, .. } = traffic;
        let span = tracing::debug_span!("request", %id, method, route);
        let answer = id.answer(bounded(answer)).instrument(span.clone());
        let response = answer.await;
        let (status, elapsed) = (response.status(), started.elapsed());
        span.in_scope(|| tracing::debug!(%status, elapsed_us = elapsed.as_micros(), "answered"));
        traffic.count(status, elapsed);
        response
    }

    fn route(&self, path: &str) -> &RouteTraffic {
        let found = self.routes.at(path);
        found.map_or(&self.elsewhere, |found| found.value)
    }
}

/// Whatever happens, there is an answer in time.
async fn bounded(answer: impl Future<Output = Response>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    match tokio::time::timeout(TIME_LIMIT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(reason)) => panicked(reason.as_ref()),
        Err(_) => {
            let message = "the request took too long; whether it was granted is unknown";
            ApiError::new(ErrorType::RequestTimeout, message).into_response()
        }
    }
}

/// The answer where a handler panicked: a mistake of ours, in one request.
fn panicked(reason: &(dyn Any + Send)) -> Response {
    let text = reason.downcast_ref::<&str>().copied();
    let text = text.or_else(|| reason.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(text.unwrap_or("a panic without words")).into_response()
}

impl Default for RouteTraffic {
    fn default() -> Self {
        Self::of("none")
    }
}

impl RouteTraffic {
    fn of(route: &'static str) -> Self {
        Self(METHODS.map(|method| MethodTraffic {
            route,
            method,
            seconds: OnceLock::new(),
            answers: RwLock::default(),
        }))
    }

    fn method(&self, method: &Method) -> &MethodTraffic {
        let [known @ .., other] = &self.0;
        let found = known.iter().find(|known| method == known.method);
        found.unwrap_or(other)
    }
}

impl MethodTraffic {
    fn count(&self, status: StatusCode, elapsed: Duration) {
        let labels = [("method", self.method), ("route", self.route)];
        let seconds = self
            .seconds
            .get_or_init(|| histogram!("everlog_http_request_seconds", &labels));
        seconds.record(elapsed.as_secs_f64());
        let answered = |(known, answers): &(StatusCode, Counter)| {
            let same = *known == status;
            same.then(|| answers.increment(1))
        };
        let counted = self.answers.read().iter().find_map(answered);
        if counted.is_none() {
            let counter = self.answers(status);
            counter.increment(1);
            let mut answers = self.answers.write();
            if answers.iter().all(|(known, _)| *known != status) {
                answers.push((status, counter));
            }
        }
    }

    fn answers(&self, status: StatusCode) -> Counter {
        let labels = [
            ("method", self.method.to_owned()),
            ("route", self.route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        counter!("everlog_http_requests_total", &labels)
    }
}

/// The headers that every answer of a connection bears.
pub(super) fn mark(response: &mut Response, id: RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    /// The metrics after these requests to a server with one route.
    fn metrics_after(requests: &[(&str, &str, StatusCode)]) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        metrics::with_local_recorder(&recorder, || {
            let mut traffic = Traffic::default();
            traffic.watch("/v1/threads/{threadId}");
            for (method, path, status) in requests {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let answer = async { status.into_response() };
                let answer = traffic.answer(RequestId::new(), &method, path, answer);
                assert_eq!(runtime.block_on(answer).status(), *status);
            }
        });
        recorder.handle().render()
    }

    #[test]
    fn neither_made_up_methods_nor_paths_are_labels() {
        let (ok, gone) = (StatusCode::OK, StatusCode::NOT_FOUND);
        let text = metrics_after(&[
            ("AAAA1", "/v1/threads/canary", gone),
            ("AAAA2", "/v1/threads/canary", gone),
            ("GET", "/v1/threads/canary", ok),
            ("GET", "/v1/threads/canary2", ok),
            ("GET", "/v1/canary/canary", gone),
        ]);
        assert!(!text.contains("AAAA") && !text.contains("canary"), "{text}");
        for (method, route, status, count) in [
            ("other", "/v1/threads/{threadId}", 404, 2),
            ("GET", "/v1/threads/{threadId}", 200, 2),
            ("GET", "none", 404, 1),
        ] {
            let line = format!(
                r#"everlog_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}"#
            );
            assert!(text.contains(&line), "{line}: {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_and_a_request_without_an_end_are_answered() {
        let traffic = Traffic::default();
        let ask = |answer| traffic.answer(RequestId::new(), &Method::GET, "/", answer);
        let panics: futures_util::future::BoxFuture<'_, Response> =
            Box::pin(async { panic!("a mistake") });
        assert_eq!(
            ask(panics).await.status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
        let endless = Box::pin(std::future::pending());
        assert_eq!(ask(endless).await.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
