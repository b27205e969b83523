//! The first stage of a change, alone: the arbiter and the log with one group commit for everybody
//! who waits. No actors, no rows: what the log itself can take.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use everlog_domain::access::Principal;
use everlog_domain::envelope::{Head, Stream};
use everlog_domain::event::Event;
use everlog_domain::ids::{
    CommitNumber, ItemId, Offset, Position, ProjectNumber, ProjectUid, ThreadId,
};
use everlog_domain::log::{Append, Arbiter, Basis, Draft, Expected, ProjectHead};
use everlog_domain::ports::{Log, Subject};
use everlog_domain::threads::{Author, ItemPosted, ItemRole, Metadata, Part, ThreadEvent};
use everlog_domain::time::Time;
use tokio::sync::{mpsc, oneshot};

use crate::closed::Caller;
use crate::item;

/// The project that is written to.
const PROJECT: ProjectNumber = ProjectNumber(2);

/// Appends in a batch, at most.
const BATCH: usize = 4_096;

/// What became of an append: the offset of its event, or why it is not in the log.
type Outcome = Result<Offset, String>;

struct Waiting {
    append: Append,
    outcome: oneshot::Sender<Outcome>,
}

/// The running stage; it ends when its appenders do.
pub(crate) struct LogStage {
    waiting: mpsc::Sender<Waiting>,
    log: Arc<dyn Log>,
    uid: ProjectUid,
}

impl LogStage {
    /// Starts the committing thread.
    pub(crate) fn start(log: Arc<dyn Log>) -> Result<Self> {
        let uid = ProjectUid([7; 16]);
        let (waiting, gathered) = mpsc::channel(BATCH);
        let mut arbiter = Arbiter::new(log.head());
        arbiter.activate(PROJECT, ProjectHead::empty(uid), log.head())?;
        let committing = Committing {
            arbiter,
            log: Arc::clone(&log),
        };
        thread::Builder::new()
            .name("log-stage".to_owned())
            .spawn(move || committing.run(gathered))
            .context("the committing thread")?;
        Ok(Self { waiting, log, uid })
    }

    /// Somebody who appends to a stream of their own, one event at a time.
    pub(crate) fn appender(&self, number: usize) -> Appender {
        let thread = ThreadId::from_seed(&number.to_be_bytes());
        Appender {
            waiting: self.waiting.clone(),
            log: Arc::clone(&self.log),
            uid: self.uid,
            as_of: self.log.head(),
            stream: Stream::thread(&thread),
            subject: Subject::Thread(thread.as_str().into()),
            head: None,
            number: 0,
        }
    }
}

struct Committing {
    arbiter: Arbiter,
    log: Arc<dyn Log>,
}

impl Committing {
    fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) {
        let mut gathered = Vec::with_capacity(BATCH);
        while waiting.blocking_recv_many(&mut gathered, BATCH) > 0 {
            self.commit(&mut gathered);
        }
    }

    /// Admits, writes and syncs, then answers; nobody is answered before the sync.
    fn commit(&mut self, gathered: &mut Vec<Waiting>) {
        let mut open = self.arbiter.begin();
        let mut answers = Vec::with_capacity(gathered.len());
        for Waiting { append, outcome } in gathered.drain(..) {
            let admitted = self.arbiter.admit(&mut open, append);
            let offset = admitted.map(|offsets| offsets.first().copied().unwrap_or_default());
            answers.push((offset.map_err(|conflict| conflict.to_string()), outcome));
        }
        let written = self.log.append(&open.seal());
        for (admitted, outcome) in answers {
            let durable = written.as_ref().map_err(ToString::to_string);
            // An appender that stopped waiting needs no answer.
            outcome.send(durable.and(admitted)).ok();
        }
    }
}

/// Appends items to a stream.
pub(crate) struct Appender {
    waiting: mpsc::Sender<Waiting>,
    log: Arc<dyn Log>,
    uid: ProjectUid,
    as_of: CommitNumber,
    stream: Stream,
    subject: Subject,
    head: Option<Head>,
    number: u64,
}

impl Appender {
    fn next_append(&mut self) -> Result<Append> {
        self.number += 1;
        let event = posted(self.number, &self.stream);
        let sealed = self.log.seal(self.uid, &self.subject, &event)?;
        Ok(Append {
            project: PROJECT,
            ticket: None,
            expected: vec![Expected {
                stream: self.stream.clone(),
                head: self.head,
                basis: Basis::Durable,
            }],
            as_of: self.as_of,
            claims: Vec::new(),
            access_epoch: None,
            idempotency: None,
            principal: Principal::System,
            on_behalf_of: None,
            cause: None,
            time: Time(0),
            drafts: vec![Draft {
                stream: self.stream.clone(),
                event,
                sealed,
            }],
        })
    }
}

impl Caller for Appender {
    async fn call(&mut self) -> Result<u64> {
        let append = self.next_append()?;
        let (outcome, answer) = oneshot::channel();
        let sent = self.waiting.send(Waiting { append, outcome }).await;
        sent.ok().context("the committing thread has ended")?;
        let offset = answer.await.context("the committing thread has ended")?;
        let offset = offset.map_err(|reason| anyhow!(reason))?;
        self.head = Some(match self.head {
            Some(head) => Head {
                position: head.position.next(),
                ..head
            },
            None => Head {
                incarnation: offset,
                position: Position(1),
            },
        });
        Ok(1)
    }
}

fn posted(number: u64, stream: &Stream) -> Event {
    let seed = [stream.id.as_bytes(), &number.to_be_bytes()].concat();
    let posted = ItemPosted {
        item: ItemId::from_seed(&seed),
        author: Author::principal(&Principal::System),
        role: ItemRole::User,
        parts: vec![Part::Text {
            text: item::text(number),
        }],
        metadata: Metadata::default(),
        tokens: None,
    };
    ThreadEvent::from(posted).into()
}
