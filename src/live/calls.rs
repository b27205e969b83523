//! Requests that come as frames: they run through the same routes as those that come by HTTP, with
//! the socket's credential.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use axum::response::IntoResponse;
use bytes::Bytes;

use super::protocol::Call;
use super::refusal::Refusal;
use super::results::{Finished, Held, Room};
use crate::error::{ApiError, ErrorType};
use crate::http::{Calls, Credentials};
use crate::json_answer::WrittenAsJson;
use everlog_domain::query::MAX_PAGE_BYTES;

/// Bytes of a frame beside its id and its body, at most.
const FRAME_BYTES: usize = 128;
const CURSOR: HeaderName = HeaderName::from_static("x-everlog-cursor");
/// The headers that a call may have.
const HEADERS: [&str; 2] = ["idempotency-key", "x-appwrite-response-format"];
/// Headers of the socket's request that its calls bear too: a proxy in front tells by them who is
/// there.
const FORWARDED: [&str; 2] = ["x-forwarded-for", "x-forwarded-proto"];

/// Stands among the extensions of a request that came as a call, which takes no answer without an
/// end.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByCall;

/// What the calls of a socket have in common.
#[derive(Clone)]
pub(super) struct Caller {
    calls: Calls,
    credentials: Arc<Credentials>,
    peer: Option<ConnectInfo<SocketAddr>>,
    forwarded: HeaderMap,
    room: Room,
}

impl Caller {
    /// Calls in the name of whoever opened the socket, from where it was opened.
    pub(super) fn new(
        calls: Calls,
        room: Room,
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
            room,
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
    pub(super) fn request(&self, call: Call) -> Result<Request<Body>, Refusal> {
        let (method, uri) = (method(&call.method)?, path(call.path)?);
        let body = call.body.map(Box::<str>::from).map(String::from);
        let mut request = Request::new(Body::from(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.clone_from(&self.forwarded);
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
        let extensions = request.extensions_mut();
        extensions.insert(Arc::clone(&self.credentials));
        extensions.insert(ByCall);
        if let Some(peer) = &self.peer {
            extensions.insert(*peer);
        }
        Ok(request)
    }

    /// Runs a request and makes a `result` frame of its answer. `id` is JSON.
    pub(super) fn run(
        &self,
        id: String,
        request: Request<Body>,
    ) -> impl Future<Output = Finished> + Send + use<> {
        let changes = !request.method().is_safe();
        let (answer, room) = (self.calls.call(request), self.room.clone());
        async move { finish(&id, answer.await, changes, &room).await }
    }
}

/// The result, or an error in its place where it is too large for a frame or finds no room.
async fn finish(id: &str, response: Response<Body>, changes: bool, room: &Room) -> Finished {
    let granted = response.status().is_success();
    let found = Answer::read(response).await;
    let found = found.and_then(|answer| match room.take(answer.body.len()) {
        Some(held) => Ok((answer, held)),
        None => Err(no_room(changes && granted)),
    });
    let (answer, held) = match found {
        Ok(found) => found,
        // small, and as many as there are calls at most
        Err(error) => (Answer::of(error).await, Held::default()),
    };
    let frame = answer.frame(id);
    Finished { frame, held }
}

/// What was granted must not look as if it had been refused.
fn no_room(granted: bool) -> ApiError {
    let (kind, message) = match granted {
        true => (
            ErrorType::OutcomeUnknown,
            "this socket has not read its results, and there is no room for this one",
        ),
        false => (
            ErrorType::ServerBusy,
            "this socket has not read its results: read them, then ask again",
        ),
    };
    ApiError::new(kind, message).retry_after(Duration::from_secs(1))
}

/// What a frame says of a response.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// JSON, or nothing.
    body: Bytes,
}

impl Answer {
    async fn read(response: Response<Body>) -> Result<Self, ApiError> {
        let (parts, body) = response.into_parts();
        // An answer that is no JSON has no place in a frame.
        let body = match parts.extensions.get::<WrittenAsJson>() {
            None => Bytes::new(),
            Some(WrittenAsJson) => to_bytes(body, MAX_PAGE_BYTES)
                .await
                .map_err(|_| too_large())?,
        };
        Ok(Self {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    async fn of(error: ApiError) -> Self {
        let status = error.kind().status();
        let read = Self::read(error.into_response()).await;
        read.unwrap_or_else(|_| Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        })
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn frame(&self, id: &str) -> String {
        let mut frame = String::with_capacity(FRAME_BYTES + id.len() + self.body.len());
        let status = self.status.as_u16();
        // writing to a string does not fail
        let _ = write!(frame, r#"{{"type":"result","id":{id},"status":{status}"#);
        if let Some(cursor) = self.header(CURSOR) {
            let _ = write!(frame, r#","cursor":"{cursor}""#);
        }
        let seconds = self.header(header::RETRY_AFTER);
        if let Some(seconds) = seconds.and_then(|seconds| seconds.parse::<u32>().ok()) {
            let _ = write!(frame, r#","retryAfter":{seconds}"#);
        }
        // JSON is UTF-8 (RFC 8259, 8.1)
        let body = std::str::from_utf8(&self.body).unwrap_or_default();
        if !body.is_empty() {
            frame.push_str(r#","body":"#);
            frame.push_str(body);
        }
        frame.push('}');
        frame
    }
}

fn too_large() -> ApiError {
    let message = format!("the answer has more than {MAX_PAGE_BYTES} bytes: ask for fewer rows");
    ApiError::new(ErrorType::QueryTooExpensive, message)
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

fn path(text: String) -> Result<Uri, Refusal> {
    let invalid = || Refusal::call_invalid("path: expected a path under /v1/, other than /v1/live");
    let uri = Uri::try_from(text).map_err(|_| invalid())?;
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
            assert!(path(text.to_owned()).is_err(), "{text:?}");
        }
        for text in ["", "get", "CONNECT", "OPTIONS", "HEAD"] {
            assert!(method(text).is_err(), "{text:?}");
        }
        assert!(path("/v1/threads?queries[]=x".to_owned()).is_ok());
    }
}
