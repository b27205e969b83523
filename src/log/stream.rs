//! The log as a stream: a cursor that reads the next page when the last one is taken, and sleeps at
//! the end of a live tail until the hub wakes it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use everlog_actors::Refused;
use everlog_actors::live::{Interest, Slot, Waker, Watch};
use everlog_domain::envelope::StreamKind;
use everlog_domain::ids::{Offset, ProjectNumber, ThreadId};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::asked::Asked;
use super::page::{self, Ask, Found, Page};
use super::standing::{Standing, busy};
use crate::error::{ApiError, ErrorType};
use crate::http::Edge;
use crate::live::Place;

/// How often a sign of life is sent, and the credential looked at again.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a page is tried while the readers are busy.
const TRIES: u32 = 200;
/// How long to wait between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Event(Found),
    /// Nothing, for a while.
    Heartbeat,
    /// Why it ends here, though there may be more.
    Failed(ApiError),
}

/// Wakes a cursor at the end of the log.
struct Tail {
    events: Waker,
    _watch: Watch,
}

/// A cursor on the log.
pub(super) struct LogStream {
    edge: Arc<Edge>,
    standing: Standing,
    ask: Ask,
    /// Events that may still be sent.
    left: Option<u64>,
    tail: Option<Tail>,
    /// Found and not sent. At most a page.
    found: VecDeque<Found>,
    /// The page that is being read.
    reading: Option<BoxFuture<'static, Result<Page, ApiError>>>,
    /// Whether there may be something after what was looked at.
    due: bool,
    over: bool,
    heartbeats: Interval,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: Place,
}

impl LogStream {
    /// A stream of what is asked, from an offset to the end, if it has one.
    pub(super) fn new(
        edge: &Arc<Edge>,
        standing: Standing,
        project: ProjectNumber,
        asked: &Asked,
        (from, until): (Offset, Option<Offset>),
        place: Place,
    ) -> Self {
        let mut heartbeats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            edge: Arc::clone(edge),
            standing,
            ask: Ask {
                project,
                filter: Arc::clone(&asked.filter),
                from,
                until,
                most: u64::MAX,
            },
            left: asked.limit,
            // watched before the first page: what comes meanwhile marks it
            tail: asked.tail.then(|| Tail::new(edge, project, asked)),
            found: VecDeque::new(),
            reading: None,
            due: true,
            over: false,
            heartbeats,
            stopping: Box::pin(edge.stopping.begun.clone().cancelled_owned()),
            _place: place,
        }
    }

    /// What comes next; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Next> {
        loop {
            if self.over {
                return None;
            }
            if !self.standing.holds() {
                if let Err(error) = self.standing.look_again().await {
                    return Some(self.fail(error));
                }
                continue;
            }
            // from here to whoever sends it nothing is waited for
            if let Some(found) = self.found.pop_front() {
                return Some(Next::Event(found));
            }
            if !self.due && self.reading.is_none() && self.tail.is_none() {
                return None;
            }
            if std::mem::take(&mut self.due) {
                self.reading = Some(read(&self.edge, self.next_ask()).boxed());
            }
            if let Some(next) = self.turn().await {
                return Some(next);
            }
        }
    }

    /// What was found already, while whoever reads still may.
    pub(super) fn next_found(&mut self) -> Option<Next> {
        let may = !self.over && self.standing.holds();
        may.then(|| self.found.pop_front())
            .flatten()
            .map(Next::Event)
    }

    /// Waits for one thing that changes something; answers with what is to be sent by itself.
    async fn turn(&mut self) -> Option<Next> {
        let Self {
            tail,
            reading,
            standing,
            heartbeats,
            stopping,
            ..
        } = self;
        let is_reading = reading.is_some();
        let page = async {
            match reading {
                Some(page) => page.await,
                None => std::future::pending().await,
            }
        };
        let woken = async {
            match tail {
                Some(tail) if !is_reading => tail.events.woken().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stopping => {
                let message = "the server is stopping: go on at the next one";
                Some(self.fail(ApiError::new(ErrorType::ServerStopping, message)))
            }
            () = standing.moved() => {
                let error = standing.look_again().await.err()?;
                Some(self.fail(error))
            }
            page = page => self.take_page(page),
            () = woken => {
                if let Some(tail) = &self.tail {
                    let _ = tail.events.take();
                }
                self.due = true;
                None
            }
            _ = heartbeats.tick() => match standing.look_again().await {
                Ok(()) => Some(Next::Heartbeat),
                Err(error) => Some(self.fail(error)),
            },
        }
    }

    fn take_page(&mut self, page: Result<Page, ApiError>) -> Option<Next> {
        self.reading = None;
        let page = match page {
            Ok(page) => page,
            Err(error) => return Some(self.fail(error)),
        };
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(page.found.len() as u64);
            if *left == 0 {
                // the last ones are sent, and nothing more is read
                self.found.extend(page.found);
                return None;
            }
        }
        self.found.extend(page.found);
        self.ask.from = page.next;
        let end = self.ask.until.unwrap_or(page.head).min(page.head);
        self.due = page.next <= end;
        None
    }

    fn next_ask(&self) -> Ask {
        Ask {
            most: self.left.unwrap_or(u64::MAX),
            ..self.ask.clone()
        }
    }

    fn fail(&mut self, error: ApiError) -> Next {
        self.over = true;
        self.found.clear();
        error.log();
        Next::Failed(error)
    }
}

impl Tail {
    fn new(edge: &Edge, project: ProjectNumber, asked: &Asked) -> Self {
        let thread = asked
            .filter
            .stream
            .as_ref()
            .and_then(|stream| match stream.kind {
                StreamKind::Thread => ThreadId::parse(&stream.id).ok(),
                StreamKind::Project | StreamKind::User | StreamKind::Key | StreamKind::Template => {
                    None
                }
            });
        let interest = match thread {
            Some(thread) => Interest::Thread(project, thread),
            None => Interest::Project(project),
        };
        let events = Waker::new();
        Self {
            _watch: edge.node.hub().watch(interest, &events, Slot::FIRST),
            events,
        }
    }
}

/// Reads a page in the turn of its project, and tries again while the readers are busy.
fn read(edge: &Arc<Edge>, ask: Ask) -> impl Future<Output = Result<Page, ApiError>> + Send + use<> {
    let edge = Arc::clone(edge);
    async move {
        for _ in 0..TRIES {
            let asked = ask.clone();
            let read = edge
                .node
                .reads()
                .run(ask.project, move |view, log| page::read(view, log, &asked));
            match read.await {
                Ok(page) => return page,
                Err(Refused::Busy { .. }) => sleep(BETWEEN_TRIES).await,
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(busy())
    }
}
