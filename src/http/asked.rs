//! A request's body, and the wish that it makes recognisable.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use bytes::Bytes;
use everlog_domain::envelope::Idempotency;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::edge::Edge;
use super::visitor::Visitor;
use crate::error::{ApiError, ErrorType};

/// Largest request body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Longest idempotency key, in characters.
const MAX_IDEMPOTENCY_KEY: usize = 255;
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request's body as JSON of a known shape, with the caller's name for the wish.
pub(super) struct Asked<T> {
    /// What was asked.
    pub value: T,
    named: Option<Named>,
}

/// A wish that the caller named, so that a retry is recognised.
struct Named {
    route: String,
    key: String,
    body: Bytes,
}

impl Named {
    fn wish(&self, edge: &Edge, visitor: &Visitor, whose: &[u8], body: &[&[u8]]) -> Idempotency {
        let caller = visitor.caller();
        let principal = caller.principal.to_string();
        let scope: [&[u8]; 5] = [
            &caller.project.0.to_be_bytes(),
            principal.as_bytes(),
            whose,
            self.route.as_bytes(),
            self.key.as_bytes(),
        ];
        Idempotency {
            scope: edge.wishes.hash(&scope),
            body: edge.wishes.hash(body),
        }
    }
}

impl<T> Asked<T> {
    /// The wish, if the caller named it. Its scope is the project, the caller, the route and the
    /// caller's key.
    #[must_use]
    pub(super) fn wish(&self, edge: &Edge, visitor: &Visitor) -> Option<Idempotency> {
        let named = self.named.as_ref()?;
        Some(named.wish(edge, visitor, b"", &[&named.body]))
    }

    /// The wish of somebody who has no identity yet, told apart from others by `whose`, with other
    /// bytes than the body to tell requests apart: where the body holds a password, of which no
    /// hash must get into the log.
    #[must_use]
    pub(super) fn wish_of(
        &self,
        edge: &Edge,
        visitor: &Visitor,
        whose: &[u8],
        fields: &[&[u8]],
    ) -> Option<Idempotency> {
        let named = self.named.as_ref()?;
        Some(named.wish(edge, visitor, whose, fields))
    }

    /// Refuses a named wish: where a repeated answer would show a secret twice.
    pub(super) fn refuse_name(&self) -> Result<(), ApiError> {
        if self.named.is_some() {
            let reason = "not taken here: the answer holds a secret, which is never shown twice";
            return Err(ApiError::argument("Idempotency-Key", reason));
        }
        Ok(())
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let key = idempotency_key(request.headers())?;
        let route = key.as_ref().map(|_| route(&request));
        let bytes = body(request.into_body()).await?;
        // no body asks for nothing in particular
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = read(text)?;
        let named = key.zip(route).map(|(key, route)| Named {
            route,
            key,
            body: bytes.clone(),
        });
        Ok(Self { value, named })
    }
}

/// The path has lost its project by now, so that a retry may name the project otherwise.
fn route(request: &Request) -> String {
    format!("{} {}", request.method(), request.uri().path())
}

async fn body(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("expected a body of at most {MAX_BODY_BYTES} bytes");
            Err(ApiError::new(ErrorType::ContentTooLarge, message))
        }
        Err(_) => Err(ApiError::argument(
            "body",
            "it ended before it was complete",
        )),
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, ApiError> {
    // axum's reading knows where a mistake stands, which costs more than the reading itself
    serde_json::from_slice(text).or_else(|_| match Json::from_bytes(text) {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(unreadable(&rejection)),
    })
}

/// Says which field is wrong, as the parser found it.
fn unreadable(rejection: &JsonRejection) -> ApiError {
    let reason = rejection.body_text();
    let reason = reason
        .rsplit_once("target type: ")
        .map_or(reason.as_str(), |(_, reason)| reason);
    let reason = reason
        .strip_prefix("Failed to parse the request body as JSON: ")
        .unwrap_or(reason);
    // a client's own text may stand in it, of any length
    let reason: String = reason.chars().take(400).collect();
    ApiError::argument("body", reason)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY {
        let reason = "expected 1 to 255 visible ASCII characters";
        return Err(ApiError::argument("Idempotency-Key", reason));
    }
    Ok(Some(key.to_owned()))
}

/// The body of a request that needs none. Whatever is in it is ignored.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Nothing {}
