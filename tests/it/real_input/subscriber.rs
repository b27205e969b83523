//! A live client: subscriptions on one socket, taken up again with their last cursors whenever the socket is lost.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::attendance::Attendance;
use super::backoff::Backoff;
use super::frames::{self, Event, Frame};
use super::seen::Seen;
use super::socket::{Socket, connect};
use super::subscription::Subscription;
use crate::crash::server::Announcement;

/// What all subscribers share.
pub(super) struct Audience {
    pub(super) server: Announcement,
    /// The dialogues' numbers by their ids.
    pub(super) numbers: HashMap<String, usize>,
    pub(super) attendance: Attendance,
    /// True once the server is about to stop for good.
    pub(super) over: watch::Sender<bool>,
}

pub(super) struct Subscriber {
    audience: Arc<Audience>,
    subscriptions: Vec<Subscription>,
    /// Threads to subscribe to as soon as they are there.
    new_threads: mpsc::UnboundedReceiver<String>,
    backoff: Backoff,
    report: Report,
}

/// What a subscriber has to say in the end.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) seat: usize,
    /// Whether it got as many items as it was due, and was told that they are all.
    pub(super) complete: bool,
    pub(super) seen: Seen,
    /// What must not be, as sentences.
    pub(super) faults: Vec<String>,
    /// How often it was connected.
    pub(super) connections: usize,
}

/// A report has no more faults than these; one gap can make thousands.
const MAX_FAULTS: usize = 5;

/// What the server asks of a client with a frame.
#[derive(PartialEq)]
enum Wish {
    GoOn,
    ComeBackLater,
}

impl Subscriber {
    /// With nothing subscribed to yet but the threads that it will be told of.
    pub(super) fn new(
        audience: Arc<Audience>,
        seat: usize,
        new_threads: mpsc::UnboundedReceiver<String>,
    ) -> Self {
        Self {
            audience,
            subscriptions: Vec::new(),
            new_threads,
            backoff: Backoff::new(seat as u64),
            report: Report {
                seat,
                complete: false,
                seen: Seen::default(),
                faults: Vec::new(),
                connections: 0,
            },
        }
    }

    pub(super) fn following(mut self, subscription: Subscription) -> Self {
        self.subscriptions.push(subscription);
        self
    }

    pub(super) async fn run(mut self) -> Report {
        let over = self.audience.over.subscribe();
        while !*over.borrow() {
            if let Ok(socket) = connect(&self.audience.server).await {
                self.report.connections += 1;
                let _lost_for_whatever_reason = self.listen(socket).await;
            }
            self.backoff.wait().await;
        }
        self.report
    }

    async fn listen(&mut self, mut socket: Socket) -> Result<(), Error> {
        for (id, subscription) in self.subscriptions.iter_mut().enumerate() {
            socket
                .feed(Message::text(subscription.subscribe(id)))
                .await?;
        }
        socket.flush().await?;
        loop {
            tokio::select! {
                message = socket.next() => {
                    let Some(message) = message.transpose()? else { return Ok(()) };
                    if self.take(&message) == Wish::ComeBackLater {
                        return Ok(());
                    }
                }
                Some(thread) = self.new_threads.recv() => {
                    let mut subscription = Subscription::to_thread(thread);
                    let frame = subscription.subscribe(self.subscriptions.len());
                    // kept before it is sent: if the socket is lost now, the next one gets it
                    self.subscriptions.push(subscription);
                    socket.send(Message::text(frame)).await?;
                }
            }
        }
    }

    fn take(&mut self, message: &Message) -> Wish {
        match message {
            Message::Text(text) => self.take_frame(text, &frames::read(text)),
            // the socket ends by itself after this
            Message::Close(Some(close)) if !may_come_back(close.code.into()) => {
                self.fault(format!("closed with {close:?}"));
                Wish::GoOn
            }
            _ => Wish::GoOn,
        }
    }

    fn take_frame(&mut self, text: &str, frame: &Frame<'_>) -> Wish {
        match (frame.kind, frame.code) {
            ("connected" | "subscribed" | "pong", _) => {}
            ("event" | "enter" | "caughtUp", _) => self.take_link(text, frame),
            ("error", Some(429 | 503)) => return Wish::ComeBackLater,
            _ => self.fault(format!("not what it subscribed to: {text}")),
        }
        Wish::GoOn
    }

    fn take_link(&mut self, text: &str, frame: &Frame<'_>) {
        let id = frame.id.and_then(|id| id.parse::<usize>().ok());
        let subscription = id.and_then(|id| self.subscriptions.get_mut(id));
        let (Some(subscription), Some(cursor)) = (subscription, frame.cursor) else {
            return self.fault(format!("a link of no subscription: {text}"));
        };
        let advanced = subscription.advance(frame.prev, cursor);
        let again = frame.kind == "caughtUp" && !subscription.catch_up();
        let strange = frame
            .event
            .as_ref()
            .is_some_and(|event| !subscription.covers(event.thread_id));
        if let Err(gap) = advanced {
            self.fault(format!("{gap:?}: {text}"));
        }
        if again || strange {
            self.fault(format!("not what is due here: {text}"));
        }
        if let Some(event) = &frame.event {
            self.take_event(text, event);
        }
        self.backoff.reset();
        self.check_attendance();
    }

    fn take_event(&mut self, text: &str, event: &Event<'_>) {
        let dialogue = self.audience.numbers.get(event.thread_id);
        match (event.kind, dialogue, &event.item) {
            ("item.posted", Some(dialogue), Some(item)) => {
                self.report.seen.add(*dialogue, item.fingerprint());
            }
            _ => self.fault(format!("an event that nobody caused: {text}")),
        }
    }

    fn check_attendance(&mut self) {
        let (seat, items) = (self.report.seat, self.report.seen.items());
        let attendance = &self.audience.attendance;
        attendance.saw(seat, items);
        let complete = !self.report.complete
            && items >= attendance.expected(seat)
            && self.subscriptions.iter().all(Subscription::is_caught_up);
        if complete {
            self.report.complete = true;
            attendance.completed();
        }
    }

    fn fault(&mut self, fault: String) {
        if self.report.faults.len() < MAX_FAULTS {
            self.report.faults.push(fault);
        }
    }
}

/// By docs/live.md: what a client did wrong, it would do wrong again.
fn may_come_back(code: u16) -> bool {
    !matches!(code, 1002 | 1003 | 1008 | 1009 | 4401)
}
