//! Requests that come as frames: they run through the same routes as those that come by HTTP, with
//! the socket's credential.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use serde_json::value::RawValue;

use super::protocol::Call;
use super::refusal::Refusal;
use crate::http::{Calls, Credentials};

/// Largest answer of a call, in bytes: above the largest page that a list answers with.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// The headers that a call may have.
const HEADERS: [&str; 2] = ["idempotency-key", "x-appwrite-response-format"];
/// Headers of the socket's request that its calls bear too: a proxy in front tells by them who is
/// there.
const FORWARDED: [&str; 2] = ["x-forwarded-for", "x-forwarded-proto"];

/// What the calls of a socket have in common.
#[derive(Clone)]
pub(super) struct Caller {
    calls: Calls,
    credentials: Arc<Credentials>,
    peer: Option<ConnectInfo<SocketAddr>>,
    forwarded: HeaderMap,
}

impl Caller {
    /// Calls in the name of whoever opened the socket, from where it was opened.
    pub(super) fn new(
        calls: Calls,
        credentials: Arc<Credentials>,
        peer: Option<ConnectInfo<SocketAddr>>,
        headers: &HeaderMap,
    ) -> Self {
        let mut forwarded = HeaderMap::new();
        for name in FORWARDED {
            for value in headers.get_all(name) {
                forwarded.append(name, value.clone());
            }
        }
        Self {
            calls,
            credentials,
            peer,
            forwarded,
        }
    }

    /// The same with other credentials.
    pub(super) fn with(&self, credentials: Arc<Credentials>) -> Self {
        Self {
            credentials,
            ..self.clone()
        }
    }

    /// The request of a call.
    pub(super) fn request(&self, call: &Call) -> Result<Request<Body>, Refusal> {
        let (method, uri) = (method(&call.method)?, path(&call.path)?);
        let body = call.body.as_ref().map_or("", |body| body.get());
        let mut request = Request::new(Body::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.clone_from(&self.forwarded);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        for (name, value) in &call.headers {
            let known = HEADERS
                .iter()
                .find(|known| name.eq_ignore_ascii_case(known));
            let name = known.ok_or_else(|| {
                Refusal::call_invalid(format!(
                    "the headers of a call are {}",
                    HEADERS.join(" and ")
                ))
            })?;
            let value = HeaderValue::from_str(value);
            let value = value
                .map_err(|_| Refusal::call_invalid(format!("{name}: expected visible ASCII")))?;
            headers.insert(*name, value);
        }
        request
            .extensions_mut()
            .insert(Arc::clone(&self.credentials));
        if let Some(peer) = &self.peer {
            request.extensions_mut().insert(*peer);
        }
        Ok(request)
    }

    /// Runs a request and makes a `result` frame of its answer. `id` is JSON.
    pub(super) async fn run(self, id: String, request: Request<Body>) -> String {
        let response = self.calls.call(request).await;
        result(&id, response).await
    }
}

/// The `result` frame of a call that did not come to its end. `id` is JSON.
pub(super) fn failed(id: &str) -> String {
    format!(r#"{{"type":"result","id":{id},"status":500}}"#)
}

async fn result(id: &str, response: Response<Body>) -> String {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let mut frame = format!(r#"{{"type":"result","id":{id},"status":{status}"#);
    let text = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if let Some(cursor) = text("x-everlog-cursor") {
        frame.push_str(&format!(r#","cursor":"{cursor}""#));
    }
    if let Some(seconds) = text("retry-after").and_then(|value| value.parse::<u32>().ok()) {
        frame.push_str(&format!(r#","retryAfter":{seconds}"#));
    }
    let body = to_bytes(body, MAX_ANSWER_BYTES).await.unwrap_or_default();
    // An answer that is no JSON has no place in a frame.
    if let Ok(body) = serde_json::from_slice::<&RawValue>(&body) {
        frame.push_str(r#","body":"#);
        frame.push_str(body.get());
    }
    frame.push('}');
    frame
}

fn method(text: &str) -> Result<Method, Refusal> {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let method = known.into_iter().find(|method| method.as_str() == text);
    method.ok_or_else(|| Refusal::call_invalid("method: expected GET, POST, PUT, PATCH or DELETE"))
}

fn path(text: &str) -> Result<Uri, Refusal> {
    let invalid = || Refusal::call_invalid("path: expected a path under /v1/, other than /v1/live");
    let uri: Uri = text.parse().map_err(|_| invalid())?;
    let is_path = uri.scheme().is_none() && uri.authority().is_none();
    let path = uri.path().trim_end_matches('/');
    if is_path && path.starts_with("/v1/") && path != "/v1/live" {
        Ok(uri)
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_stay_within_the_interface() {
        for text in [
            "",
            "v1/threads",
            "/v1",
            "/v1/",
            "/v2/threads",
            "/metrics",
            "/p/other/v1/threads",
            "/v1/live",
            "/v1/live/",
            "/v1/live?project=x",
            "http://elsewhere/v1/threads",
            "//elsewhere/v1/threads",
            "/v1/a b",
        ] {
            assert!(path(text).is_err(), "{text:?}");
        }
        for text in ["", "get", "CONNECT", "OPTIONS", "HEAD"] {
            assert!(method(text).is_err(), "{text:?}");
        }
        assert!(path("/v1/threads?queries[]=x").is_ok());
    }
}
