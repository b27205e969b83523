//! The session of one socket: one task, one loop. It is generic over what it reads from and writes
//! to, so that it is tested without sockets.
//!
//! Nothing waits here for anybody else, and nobody waits for it: what is published marks its
//! subscriptions, and it reads when it gets there.

mod access;
mod delivery;
mod requests;
#[cfg(test)]
mod tests;

pub(crate) use access::{Unidentified, identify};

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use everlog_actors::live::{CallersWatch, Waker};
use everlog_domain::access::Caller;
use futures_util::{FutureExt, Sink, Stream, StreamExt};
use tokio::task::{JoinError, yield_now};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::calls;
use super::ending::Ending;
use super::frames;
use super::inlet::MessageBound;
use super::outbox::{Outbox, Outgoing};
use super::past_texts::PastTexts;
use super::places::Place;
use super::protocol::{ClientFrame, InvalidFrame};
use super::refusal::Refusal;
use super::results::{Finished, Held, InFlight};
use super::subscriptions::Subscriptions;
use crate::http::{Credentials, Edge, Identity};

/// Most calls in flight on one socket. Beyond it the socket is not read.
const MAX_CALLS: usize = 256;
/// How often a sign of life is asked for, and the credential is looked at again.
const TICK: Duration = Duration::from_secs(20);
/// How long a socket may send nothing at all.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a socket may take to read what is written at once. It costs little until then, and
/// its kernel's buffers hide that it is gone for as long.
const STUCK: Duration = Duration::from_secs(600);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long calls in flight may take when the server stops.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// Frames that are taken at once before something is written.
const FRAMES_AT_ONCE: usize = 64;

/// What is read.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A frame of the protocol.
    Frame(ClientFrame),
    /// A text that is none.
    Invalid(InvalidFrame),
    /// A binary message.
    Binary,
    /// A message over the bound.
    TooLarge,
    /// A message that took too long.
    Overdue,
    /// Something that is no frame of the transport.
    Broken,
    /// A ping or a pong of the transport.
    SignOfLife,
}

/// Who is at the other end.
pub(super) struct Peer {
    pub(super) credentials: Arc<Credentials>,
    pub(super) identity: Arc<Identity>,
    pub(super) calls: calls::Caller,
    pub(super) place: Place,
    pub(super) bound: MessageBound,
    /// Shared by all sockets.
    pub(super) texts: PastTexts,
}

/// One socket's session.
pub(super) struct Session<I, O> {
    edge: Arc<Edge>,
    peer: Peer,
    /// The identity as the rules know it.
    caller: Arc<Caller>,
    incoming: I,
    outbox: Outbox<O>,
    subscriptions: Subscriptions,
    calls: InFlight,
    /// The room of results that were sent but have not left.
    leaving: Vec<Held>,
    /// Marks subscriptions with something due.
    events: Waker,
    /// Marked when a caller of the project was revoked, this one or another.
    callers: Waker,
    callers_watch: CallersWatch,
    ticks: Interval,
    heard_at: Instant,
    /// Resolves when the server stops. Kept, since all sockets wait for the same.
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Whether the caller has asked for anything: from then on it is who it is.
    asked: bool,
}

impl<I, O> Session<I, O>
where
    I: Stream<Item = Incoming> + Unpin,
    O: Sink<Outgoing> + Unpin,
{
    /// A session of somebody who was authenticated.
    pub(super) fn new(edge: Arc<Edge>, peer: Peer, incoming: I, outgoing: O) -> Self {
        let callers = Waker::new();
        let project = peer.identity.caller.project;
        let callers_watch = edge.node.hub().watch_callers(project, &callers);
        let mut ticks = interval_at(Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopping = Box::pin(edge.stopping.begun.clone().cancelled_owned());
        Self {
            caller: Arc::new(peer.identity.caller.clone()),
            edge,
            peer,
            incoming,
            outbox: Outbox::new(outgoing),
            subscriptions: Subscriptions::default(),
            calls: InFlight::default(),
            leaving: Vec::new(),
            events: Waker::new(),
            callers,
            callers_watch,
            ticks,
            heard_at: Instant::now(),
            stopping,
            asked: false,
        }
    }

    /// Serves until either side ends it.
    pub(super) async fn run(mut self) -> Ending {
        let ending = match self.serve().await {
            Ok(never) => match never {},
            Err(ending) => ending,
        };
        self.say_goodbye(&ending).await;
        ending
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Ending> {
        self.greet().await?;
        loop {
            let waits = self.outbox.is_pending();
            if waits && (self.outbox.is_full() || !self.subscriptions.has_due()) {
                self.flush().await?;
            }
            self.turn().await?;
        }
    }

    /// One thing that is due. Which of several is left to chance, so that none starves another.
    async fn turn(&mut self) -> Result<(), Ending> {
        tokio::select! {
            () = &mut self.stopping => self.finish_calls().await,
            incoming = self.incoming.next(), if self.calls.len() < MAX_CALLS => {
                self.take_incoming(incoming).await
            }
            Some(result) = self.calls.next(), if !self.calls.is_empty() => {
                self.take_results(result).await
            }
            () = self.events.woken() => {
                self.subscriptions.mark_due(&self.events.take());
                Ok(())
            }
            () = self.callers.woken() => self.look_again().await,
            _ = self.ticks.tick() => self.tick().await,
            () = std::future::ready(()), if self.subscriptions.has_due() => self.deliver().await,
        }
    }

    async fn greet(&mut self) -> Result<(), Ending> {
        let connected = frames::connected(&self.peer.identity.project, &self.caller.principal);
        self.send(connected).await
    }

    /// Takes a frame and those behind it that are there already.
    async fn take_incoming(&mut self, incoming: Option<Incoming>) -> Result<(), Ending> {
        let mut next = Some(incoming);
        let mut taken = 0;
        while let Some(incoming) = next {
            self.heard_at = Instant::now();
            match incoming.ok_or(Ending::Lost)? {
                Incoming::Frame(frame) => self.take_frame(frame).await?,
                Incoming::Invalid(reason) => {
                    return Err(Ending::Invalid(Refusal::frame_invalid(&reason)));
                }
                Incoming::Binary => return Err(Ending::Binary),
                Incoming::TooLarge => {
                    let bound = self.peer.bound.bytes();
                    return Err(Ending::TooLarge { bound });
                }
                Incoming::Overdue => return Err(Ending::Overdue),
                Incoming::Broken => return Err(Ending::Broken),
                // The transport answers pings by itself, with what is written next.
                Incoming::SignOfLife => self.outbox.touch(),
            }
            taken += 1;
            let more = taken < FRAMES_AT_ONCE && self.calls.len() < MAX_CALLS;
            next = if more {
                self.incoming.next().now_or_never()
            } else {
                None
            };
        }
        Ok(())
    }

    /// Sends a result and those that are there already.
    async fn take_results(&mut self, first: Result<Finished, JoinError>) -> Result<(), Ending> {
        // What is acknowledged together ends together, and leaves in one write.
        yield_now().await;
        let mut next = Some(first);
        while let Some(result) = next {
            self.send_result(result).await?;
            next = self.calls.ready();
        }
        Ok(())
    }

    async fn send_result(&mut self, result: Result<Finished, JoinError>) -> Result<(), Ending> {
        let Finished { frame, held } = result.map_err(|error| {
            tracing::error!(%error, "a call ended without a result");
            Ending::Failed
        })?;
        self.send(frame).await?;
        self.leaving.push(held);
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), Ending> {
        // Who has as many calls in flight as may be is not listened to.
        if self.heard_at.elapsed() >= SILENCE && self.calls.len() < MAX_CALLS {
            return Err(Ending::Silent);
        }
        // A credential that ends by itself moves no epoch.
        self.authenticate_again().await?;
        self.feed(Outgoing::Ping).await
    }

    /// The server stops: what was asked is still answered, nothing more is taken.
    async fn finish_calls(&mut self) -> Result<(), Ending> {
        let finish = async {
            while let Some(result) = self.calls.next().await {
                let Finished { frame, held } = result.map_err(|_| Ending::Failed)?;
                self.outbox.feed(Outgoing::Frame(frame)).await?;
                self.leaving.push(held);
            }
            self.outbox.flush().await.map_err(Ending::from)
        };
        // Whether or not they were in time, the socket closes.
        timeout(LAST_CALLS, finish).await.ok();
        Err(Ending::Stopping)
    }

    async fn send(&mut self, frame: String) -> Result<(), Ending> {
        self.feed(Outgoing::Frame(frame)).await
    }

    async fn feed(&mut self, outgoing: Outgoing) -> Result<(), Ending> {
        if self.outbox.is_full() {
            self.flush().await?;
        }
        Ok(self.outbox.feed(outgoing).await?)
    }

    /// Lets everything leave. However long that takes, a revocation or a stop ends it at once.
    async fn flush(&mut self) -> Result<(), Ending> {
        let stuck = sleep(STUCK);
        tokio::pin!(stuck);
        loop {
            tokio::select! {
                biased;
                flushed = self.outbox.flush() => {
                    flushed?;
                    break;
                }
                () = self.callers.woken() => self.look_again().await?,
                () = &mut self.stopping => return Err(Ending::Stopping),
                () = &mut stuck => return Err(Ending::Silent),
            }
        }
        self.leaving.clear();
        if stuck.deadline().saturating_duration_since(Instant::now()) < STUCK - TICK {
            // While it could not be written to, it was not listened to either.
            self.heard_at = Instant::now();
        }
        Ok(())
    }

    async fn say_goodbye(&mut self, ending: &Ending) {
        if *ending == Ending::Lost {
            // The transport's own answer to a close may wait to leave.
            timeout(GOODBYE, self.outbox.flush()).await.ok();
            return;
        }
        let goodbye = async {
            if let Some(refusal) = ending.refusal() {
                self.outbox
                    .feed(Outgoing::Frame(frames::error(None, &refusal)))
                    .await?;
            }
            let (code, reason) = ending.close();
            self.outbox.feed(Outgoing::Close(code, reason)).await?;
            self.outbox.flush().await?;
            // The other side answers with a close of its own (RFC 6455, 7.1.1).
            while self.incoming.next().await.is_some() {}
            Ok::<_, super::outbox::Lost>(())
        };
        // A side that does not listen is left without a goodbye.
        timeout(GOODBYE, goodbye).await.ok();
    }
}
