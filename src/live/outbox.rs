//! The writing half of a socket: what is due is gathered and leaves in one call.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, SinkExt};

/// Bytes that are gathered before they must leave: with a page more, what may still reach somebody
/// whose right was just taken away, and what a reader that does not read costs.
const GATHERED_BYTES: usize = 16 * 1024;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// A frame of the protocol.
    Frame(String),
    /// Asks for a sign of life.
    Ping,
    /// The end, with a close code (RFC 6455, 7.4) and a reason.
    Close(u16, &'static str),
}

/// The other side is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

/// Gathers frames in front of a sink.
#[derive(Debug)]
pub(super) struct Outbox<O> {
    sink: O,
    gathered: usize,
}

impl<O: Sink<Outgoing> + Unpin> Outbox<O> {
    pub(super) const fn new(sink: O) -> Self {
        Self { sink, gathered: 0 }
    }

    /// Whether something waits to leave.
    pub(super) const fn is_pending(&self) -> bool {
        self.gathered > 0
    }

    /// Whether it must leave before more is gathered.
    pub(super) const fn is_full(&self) -> bool {
        self.gathered >= GATHERED_BYTES
    }

    /// Gathers. Waits for the other side only if the outbox is full: flush it before.
    pub(super) async fn feed(&mut self, outgoing: Outgoing) -> Result<(), Lost> {
        self.gathered += match &outgoing {
            Outgoing::Frame(text) => text.len(),
            Outgoing::Ping | Outgoing::Close(..) => 1,
        };
        self.sink.feed(outgoing).await.map_err(|_| Lost)
    }

    /// Something waits that was not fed here, such as the answer to a ping of the other side.
    pub(super) const fn touch(&mut self) {
        self.gathered += 1;
    }

    /// Lets everything leave. May be dropped while it waits and called again.
    pub(super) fn flush(&mut self) -> Flush<'_, O> {
        Flush(self)
    }
}

/// See [`Outbox::flush`].
pub(super) struct Flush<'a, O>(&'a mut Outbox<O>);

impl<O: Sink<Outgoing> + Unpin> Future for Flush<'_, O> {
    type Output = Result<(), Lost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outbox = &mut *self.0;
        let flushed = std::task::ready!(Pin::new(&mut outbox.sink).poll_flush(cx));
        outbox.gathered = 0;
        Poll::Ready(flushed.map_err(|_| Lost))
    }
}
