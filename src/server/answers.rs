//! Answers on their way out. A client decides when it reads them, so that all together are bounded,
//! and each is handed over in chunks that tell when they are taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::traffic::Traffic;
use crate::error::{ApiError, ErrorType};

/// Most KiB of answers that wait to be read, of all connections.
const ROOM_KIB: usize = 256 * 1024;
/// Bytes of an answer that always has room: that of a refusal, and of most writes.
const SMALL: u64 = 4 * 1024;
/// Bytes that are handed over at once.
const CHUNK: usize = 64 * 1024;

/// The room for answers.
pub(super) struct Answers(Arc<Semaphore>);

/// Whether a request that is not answered may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Read,
    Write,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB)))
    }

    /// Whether none waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.available_permits() == ROOM_KIB
    }

    /// The answer to send: this one, or a small one where there is no room for it.
    pub(super) fn admit(
        &self,
        response: Response,
        asked: Asked,
        traffic: &Arc<Traffic>,
    ) -> Response<Outgoing> {
        // whole before it is sent, or a stream, which makes the next piece when it is asked for
        let bytes = response.body().size_hint().lower();
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0).try_acquire_many_owned(kib).ok();
        let response = match room.is_some() || bytes <= SMALL {
            true => response,
            false => refusal(&response, asked),
        };
        let held = Arc::new(Held {
            traffic: Arc::clone(traffic),
            _room: room,
        });
        response.map(|body| Outgoing {
            body,
            rest: Bytes::new(),
            held,
        })
    }
}

/// What is said in place of an answer, to the page and under the request's id of the answer.
fn refusal(answer: &Response, asked: Asked) -> Response {
    let mut refusal = no_room(asked).into_response();
    let kept = |name: &str| {
        name.starts_with("access-control-") || matches!(name, "vary" | "x-everlog-request-id")
    };
    for (name, value) in answer.headers() {
        if kept(name.as_str()) {
            refusal.headers_mut().append(name, value.clone());
        }
    }
    refusal
}

fn no_room(asked: Asked) -> ApiError {
    let (kind, message) = match asked {
        Asked::Read => (
            ErrorType::ServerBusy,
            "too many answers wait to be read by others",
        ),
        Asked::Write => (
            ErrorType::OutcomeUnknown,
            "too many answers wait to be read by others; whether it was granted is unknown",
        ),
    };
    ApiError::new(kind, message).retry_after(Duration::from_secs(2))
}

/// What an answer holds until the last of it is taken.
struct Held {
    traffic: Arc<Traffic>,
    _room: Option<OwnedSemaphorePermit>,
}

/// The body of an answer.
pub(super) struct Outgoing {
    body: Body,
    /// Of the body's frame that is being handed over.
    rest: Bytes,
    held: Arc<Held>,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let bytes = self.rest.len().min(CHUNK);
        let chunk = Chunk {
            bytes: self.rest.split_to(bytes),
            held: Arc::clone(&self.held),
        };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(chunk)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        // the upper bound first: it must not lie below the lower one
        if let Some(upper) = body.upper() {
            hint.set_upper(rest + upper);
        }
        hint.set_lower(rest + body.lower());
        hint
    }
}

/// A part of an answer, until the transport is done with it.
struct Chunk {
    bytes: Bytes,
    held: Arc<Held>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.held.traffic.moves();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn response(bytes: usize) -> Response {
        vec![b'x'; bytes].into_response()
    }

    fn free(answers: &Answers) -> usize {
        answers.0.available_permits()
    }

    #[tokio::test]
    async fn an_answer_takes_room_until_its_last_chunk_is_taken() {
        let (answers, traffic) = (Answers::new(), Arc::new(Traffic::new()));
        let mut body = answers
            .admit(response(3 * CHUNK), Asked::Read, &traffic)
            .into_body();
        assert_eq!(body.size_hint().exact(), Some(3 * CHUNK as u64));
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            chunks.push(frame.unwrap().into_data().unwrap());
        }
        assert!(body.is_end_stream());
        drop(body);
        let sizes: Vec<usize> = chunks.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [CHUNK; 3]);
        while let Some(chunk) = chunks.pop() {
            assert_eq!(free(&answers), ROOM_KIB - 3 * CHUNK / 1024);
            drop(chunk);
        }
        assert_eq!(free(&answers), ROOM_KIB);
    }

    #[tokio::test]
    async fn what_has_no_room_is_refused_but_for_small_answers() {
        let (answers, traffic) = (Answers::new(), Arc::new(Traffic::new()));
        let all = response(ROOM_KIB * 1024);
        let held = answers.admit(all, Asked::Read, &traffic);
        for (bytes, asked, status) in [
            (CHUNK, Asked::Read, "server_busy"),
            (CHUNK, Asked::Write, "outcome_unknown"),
        ] {
            let refused = answers.admit(response(bytes), asked, &traffic);
            assert_eq!(refused.status(), 503);
            assert!(refused.headers().contains_key("retry-after"));
            let text = refused.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8_lossy(&text);
            assert!(text.contains(status), "{text}");
        }
        assert_eq!(
            answers.admit(response(512), Asked::Read, &traffic).status(),
            200
        );
        drop(held);
        assert_eq!(
            answers
                .admit(response(CHUNK), Asked::Read, &traffic)
                .status(),
            200
        );
    }
}
