//! Sends the commands of an import: in order, some ahead of their answers.
//!
//! A thread's actor takes commands in the order in which they are sent. Whether one is turned away
//! for want of room is known at once, before it is sent, so a full server or a used up quota makes
//! the import wait and never changes the order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use everlog_actors::{Granted, IdOrigin, Refused, ThreadRequest};
use everlog_domain::ids::ThreadId;
use everlog_domain::threads::ThreadCommand;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::{ApiError, ErrorType};
use crate::http::{Edge, Visitor};

/// The scope that imports.
pub(super) const SCOPE: &str = "threads.write";
/// Commands that are sent ahead of their answers.
const AHEAD: usize = 64;
/// Bytes of lines that they come from, at most, so that a few large ones are not all in memory.
const AHEAD_BYTES: usize = 4 * 1024 * 1024;
/// Longest wait before another try.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How often somebody is authenticated anew for one command.
const TRIES: usize = 3;

/// Something to ask of a thread.
#[derive(Clone)]
pub(super) struct Command {
    /// The line that it comes from, and its bytes.
    pub(super) line: u64,
    pub(super) bytes: usize,
    pub(super) thread: ThreadId,
    pub(super) command: ThreadCommand,
}

/// What came of a command.
pub(super) struct Settled {
    pub(super) command: Command,
    pub(super) outcome: Result<Granted, Refused>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Granted, Refused>> + Send>>;

enum Flight {
    Sent(Answer),
    Answered(Result<Granted, Refused>),
}

impl Flight {
    async fn land(self) -> Result<Granted, Refused> {
        match self {
            Self::Sent(answer) => answer.await,
            Self::Answered(outcome) => outcome,
        }
    }
}

/// See the module's description.
pub(super) struct Sender {
    edge: Arc<Edge>,
    visitor: Visitor,
    flying: VecDeque<(Command, Flight)>,
    bytes: usize,
    stopping: CancellationToken,
}

impl Sender {
    pub(super) fn new(edge: &Arc<Edge>, visitor: Visitor) -> Self {
        Self {
            edge: Arc::clone(edge),
            visitor,
            flying: VecDeque::new(),
            bytes: 0,
            stopping: edge.stopping.begun.clone(),
        }
    }

    /// Whether an answer must be waited for before the next command.
    pub(super) fn is_full(&self) -> bool {
        self.flying.len() >= AHEAD || self.bytes >= AHEAD_BYTES
    }

    /// Sends a command. Where there is no room, those before are answered first: their answers are
    /// given back.
    pub(super) async fn send(&mut self, command: Command) -> Result<Vec<Settled>, ApiError> {
        let mut settled = Vec::new();
        loop {
            let mut answer = self.ask(&command);
            let now = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
            let flight = match now {
                Poll::Ready(Err(refused)) if let Some(wait) = passes(&refused) => {
                    while let Some(earlier) = self.settle().await? {
                        settled.push(earlier);
                    }
                    self.wait(wait).await?;
                    continue;
                }
                Poll::Ready(outcome) => Flight::Answered(outcome),
                Poll::Pending => Flight::Sent(answer),
            };
            self.bytes += command.bytes;
            self.flying.push_back((command, flight));
            return Ok(settled);
        }
    }

    /// Waits for the answer to the earliest command; nothing if all are answered.
    pub(super) async fn settle(&mut self) -> Result<Option<Settled>, ApiError> {
        let Some((command, flight)) = self.flying.pop_front() else {
            return Ok(None);
        };
        self.bytes = self.bytes.saturating_sub(command.bytes);
        let outcome = flight.land().await;
        if !matches!(outcome, Err(Refused::AccessMoved)) {
            return Ok(Some(Settled { command, outcome }));
        }
        let outcome = self.again(&command).await?;
        self.follow().await?;
        Ok(Some(Settled { command, outcome }))
    }

    /// Those that were sent after a command which named an older epoch did so too: they follow it
    /// again, in order, before anything else is sent.
    async fn follow(&mut self) -> Result<(), ApiError> {
        for (command, flight) in std::mem::take(&mut self.flying) {
            let outcome = match flight.land().await {
                Err(Refused::AccessMoved) => self.again(&command).await?,
                outcome => outcome,
            };
            self.flying.push_back((command, Flight::Answered(outcome)));
        }
        Ok(())
    }

    /// Somebody lost something: whoever imports is looked at again before they ask again.
    async fn again(&mut self, command: &Command) -> Result<Result<Granted, Refused>, ApiError> {
        for _ in 0..TRIES {
            self.visitor = self.visitor.again(&self.edge).await?;
            self.visitor.require(SCOPE)?;
            match self.answered(command).await? {
                Err(Refused::AccessMoved) => {}
                outcome => return Ok(outcome),
            }
        }
        Ok(Err(Refused::AccessMoved))
    }

    /// Sends a command and waits for its answer.
    async fn answered(&mut self, command: &Command) -> Result<Result<Granted, Refused>, ApiError> {
        loop {
            match self.ask(command).await {
                Err(refused) if let Some(wait) = passes(&refused) => self.wait(wait).await?,
                outcome => return Ok(outcome),
            }
        }
    }

    fn ask(&self, command: &Command) -> Answer {
        let request = ThreadRequest {
            caller: self.visitor.caller().clone(),
            thread: command.thread.clone(),
            command: command.command.clone(),
            item_id: IdOrigin::Chosen,
            wish: None,
            now: crate::clock::now(),
        };
        let node = self.edge.node.clone();
        Box::pin(async move { node.thread(request).await })
    }

    async fn wait(&mut self, wait: Duration) -> Result<(), ApiError> {
        tokio::select! {
            () = self.stopping.cancelled() => Err(stopping()),
            () = sleep(wait.min(LONGEST_WAIT)) => Ok(()),
        }
    }

    pub(super) const fn visitor(&self) -> &Visitor {
        &self.visitor
    }
}

/// How long to wait for what passes by itself.
fn passes(refused: &Refused) -> Option<Duration> {
    match refused {
        Refused::Busy { retry_after } => Some(*retry_after),
        Refused::OverQuota { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// The server takes no more.
pub(super) fn stopping() -> ApiError {
    let message = "the server is stopping: send the file again when it is back";
    ApiError::new(ErrorType::ServerStopping, message)
}

/// Whether nothing after it can be taken either.
pub(super) fn ends_it(refused: &Refused) -> bool {
    match refused {
        Refused::OverQuota { .. }
        | Refused::DiskFull
        | Refused::Stopped
        | Refused::Unknown
        | Refused::NoSuchProject
        | Refused::AccessMoved
        | Refused::Busy { .. }
        | Refused::Rows(_)
        | Refused::Failed { .. } => true,
        Refused::Thread(_)
        | Refused::Identity(_)
        | Refused::Project(_)
        | Refused::Template(_)
        | Refused::WishDiffers
        | Refused::TooLarge { .. } => false,
    }
}
