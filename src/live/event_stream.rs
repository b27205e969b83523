//! A session's frames as server-sent events: what a socket would carry, one way.
//!
//! Frames gather here until the session flushes them. Then they wait for the transport, and while
//! they do the session is held up as it is by a socket that does not read.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::response::sse::Event;
use futures_util::{Sink, Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::PollSender;

use super::outbox::{Lost, Outgoing};
use super::protocol::{ClientFrame, Subscribe};
use super::session::Incoming;

/// What of a frame stands beside its data.
#[derive(Debug, Deserialize)]
struct Head<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    cursor: Option<&'a str>,
    #[serde(default)]
    ended: bool,
    code: Option<u16>,
    #[serde(rename = "errorType")]
    error_type: Option<&'a str>,
    message: Option<String>,
}

/// Why a stream does not begin: what an `error` frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unopened {
    pub(super) code: u16,
    pub(super) kind: String,
    pub(super) message: String,
}

/// What both halves know of the transport.
#[derive(Debug, Default)]
struct Signs {
    /// What was flushed last is taken.
    taken: Notify,
    /// The last event was flushed.
    over: Notify,
}

/// The writing half: frames go in, events come out.
pub(super) struct Writing {
    gathered: Vec<Event>,
    sender: PollSender<Vec<Event>>,
    signs: Arc<Signs>,
    /// Told once whether the subscription begins.
    opened: Option<oneshot::Sender<Result<(), Unopened>>>,
    /// Whether the last event was gathered.
    ended: bool,
}

/// What a session reads and writes, and what becomes of it.
pub(super) struct Pipe<I, E> {
    pub(super) incoming: I,
    pub(super) outgoing: Writing,
    /// Whether the subscription begins.
    pub(super) opened: oneshot::Receiver<Result<(), Unopened>>,
    /// The body of the answer.
    pub(super) events: E,
}

/// A pipe for a session with one subscription.
pub(super) fn pipe(
    subscribe: Subscribe,
) -> Pipe<
    impl Stream<Item = Incoming> + Send + Unpin,
    impl Stream<Item = Result<Event, Infallible>> + Send,
> {
    let (sender, mut receiver) = mpsc::channel(1);
    let (opened, answer) = oneshot::channel();
    let signs = Arc::new(Signs::default());
    let writing = Writing {
        gathered: Vec::new(),
        sender: PollSender::new(sender.clone()),
        signs: Arc::clone(&signs),
        opened: Some(opened),
        ended: false,
    };
    let reading = reading(subscribe, Gone(sender.downgrade()), Arc::clone(&signs));
    let events = stream::poll_fn(move |cx| {
        let events = receiver.poll_recv(cx);
        if matches!(events, Poll::Ready(Some(_))) {
            signs.taken.notify_one();
        }
        events
    });
    let events = events.flat_map(|events| stream::iter(events.into_iter().map(Ok)));
    Pipe {
        incoming: Box::pin(reading),
        outgoing: writing,
        opened: answer,
        events,
    }
}

/// Tells whether the other side is gone, without keeping the body from its end.
struct Gone(mpsc::WeakSender<Vec<Event>>);

impl Gone {
    async fn wait(&self) {
        if let Some(sender) = self.0.upgrade() {
            sender.closed().await;
        }
    }
}

/// The reading half: the one subscription, then a sign of life for all that is taken, until the
/// other side is gone or nothing more comes.
fn reading(subscribe: Subscribe, gone: Gone, signs: Arc<Signs>) -> impl Stream<Item = Incoming> {
    let first = Incoming::Frame(ClientFrame::Subscribe(subscribe));
    let signs = stream::unfold((gone, signs), async |(gone, signs)| {
        tokio::select! {
            () = gone.wait() => None,
            () = signs.over.notified() => None,
            () = signs.taken.notified() => Some((Incoming::SignOfLife, (gone, signs))),
        }
    });
    stream::iter([first]).chain(signs)
}

impl Writing {
    fn take_frame(&mut self, text: &str) {
        // our own frames read back
        let Ok(head) = serde_json::from_str::<Head<'_>>(text) else {
            return;
        };
        let name = match head.kind {
            // who is asked for is known from the request
            "connected" => return,
            "subscribed" => {
                self.tell(Ok(()));
                return;
            }
            "error" => {
                self.ended = true;
                let unopened = Unopened {
                    code: head.code.unwrap_or(500),
                    kind: head.error_type.unwrap_or_default().to_owned(),
                    message: head.message.unwrap_or_default(),
                };
                if self.tell(Err(unopened)) {
                    return;
                }
                // browsers have an event of their own by the name of error
                "failure"
            }
            other => other,
        };
        self.ended |= head.ended;
        let mut event = Event::default().event(name);
        if let Some(cursor) = head.cursor {
            event = event.id(cursor);
        }
        self.gathered.push(event.data(text));
    }

    /// Tells whether it begins; whether that was not told before.
    fn tell(&mut self, opened: Result<(), Unopened>) -> bool {
        let untold = self.opened.take();
        untold.is_some_and(|told| told.send(opened).is_ok())
    }
}

impl Sink<Outgoing> for Writing {
    type Error = Lost;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        // the session bounds what gathers
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, outgoing: Outgoing) -> Result<(), Lost> {
        match outgoing {
            _ if self.ended => {}
            Outgoing::Frame(text) => self.take_frame(&text),
            Outgoing::Ping => self.gathered.push(Event::default().comment("")),
            Outgoing::Close(..) => self.ended = true,
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        if !self.gathered.is_empty() {
            ready!(self.sender.poll_reserve(cx)).map_err(|_| Lost)?;
            let events = std::mem::take(&mut self.gathered);
            self.sender.send_item(events).map_err(|_| Lost)?;
        }
        if self.ended {
            self.signs.over.notify_one();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.poll_flush(cx)
    }
}
