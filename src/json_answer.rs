//! Answers' bodies in JSON.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Bytes that most answers need: an item with a short text.
const USUAL_BYTES: usize = 1_024;
/// Headers that an answer gets beside the type of its body.
const USUAL_HEADERS: usize = 8;

/// An answer's body, to be written as JSON.
#[derive(Debug)]
pub(crate) struct JsonAnswer<T>(pub(crate) T);

/// Stands among a response's extensions where its body is JSON that was written here: whoever puts
/// it into a frame need not read it again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrittenAsJson;

impl<T: Serialize> IntoResponse for JsonAnswer<T> {
    fn into_response(self) -> Response {
        let mut text = Vec::with_capacity(USUAL_BYTES);
        // answers have string keys only, so that writing them does not fail
        if let Err(error) = serde_json::to_writer(&mut text, &self.0) {
            tracing::error!(%error, "an answer could not be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let mut response = Response::new(Body::from(text));
        response.extensions_mut().insert(WrittenAsJson);
        let headers = response.headers_mut();
        headers.reserve(USUAL_HEADERS);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}
