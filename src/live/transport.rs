//! Between WebSocket messages and the session's.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::inlet::{MessageBound, Unfit};
use super::outbox::Outgoing;
use super::protocol::{ClientFrame, InvalidFrame};
use super::session::Incoming;

/// The other side is gone, which is no mistake in its frames.
const RESET: ProtocolError = ProtocolError::ResetWithoutClosingHandshake;

/// The reading half.
pub(super) struct Reading<S> {
    pub(super) stream: S,
    pub(super) bound: MessageBound,
}

impl<S: Stream<Item = Result<Message, Error>> + Unpin> Stream for Reading<S> {
    type Item = Incoming;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Incoming>> {
        let Some(message) = ready!(self.stream.poll_next_unpin(cx)) else {
            return Poll::Ready(None);
        };
        Poll::Ready(match message {
            Ok(Message::Text(text)) if text.len() > self.bound.bytes() => Some(Incoming::TooLarge),
            Ok(Message::Text(text)) => Some(match ClientFrame::parse(&text) {
                Ok(frame) => Incoming::Frame(frame),
                Err(reason) => Incoming::Invalid(reason),
            }),
            Ok(Message::Binary(_)) => Some(Incoming::Binary),
            Ok(Message::Ping(_) | Message::Pong(_)) => Some(Incoming::SignOfLife),
            Ok(Message::Close(_) | Message::Frame(_)) => None,
            Err(Error::Capacity(_)) => Some(Incoming::TooLarge),
            Err(Error::Io(error)) => Unfit::of(&error).map(|unfit| match unfit {
                Unfit::TooLarge => Incoming::TooLarge,
                Unfit::Overdue => Incoming::Overdue,
            }),
            Err(Error::Protocol(reason)) if reason != RESET => Some(Incoming::Broken),
            Err(Error::Utf8(reason)) => Some(Incoming::Invalid(InvalidFrame::Json(reason))),
            // The connection broke.
            Err(_) => None,
        })
    }
}

/// The writing half.
pub(super) struct Writing<S>(pub(super) S);

impl<S: Sink<Message, Error = Error> + Unpin> Sink<Outgoing> for Writing<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, outgoing: Outgoing) -> Result<(), Error> {
        self.0.start_send_unpin(match outgoing {
            Outgoing::Frame(text) => Message::text(text),
            Outgoing::Ping => Message::Ping(Vec::new().into()),
            Outgoing::Close(code, reason) => Message::Close(Some(CloseFrame {
                code: code.into(),
                reason: reason.into(),
            })),
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_close_unpin(cx)
    }
}
