//! The committer with the log, and rows that stay empty: what the log itself can take. No actors.

use std::sync::Arc;

use anyhow::{Context, Result};
use everlog_actors::{CommitterAlone, NodeOptions};
use everlog_domain::access::Principal;
use everlog_domain::envelope::{Head, Stream};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{CommitNumber, ItemId, Position, ProjectNumber, ProjectUid, ThreadId};
use everlog_domain::log::{Append, Basis, Draft, Expected, Manifest, ProjectHead};
use everlog_domain::ports::{Log, Projected, Rows, RowsFailure, RowsView, Subject};
use everlog_domain::threads::{Author, ItemPosted, ItemRole, Metadata, Part, ThreadEvent};
use everlog_domain::time::Time;

use super::Engines;
use crate::closed::Caller;
use crate::item;

/// The project that is written to.
const PROJECT: ProjectNumber = ProjectNumber(2);

/// Rows that nothing is projected into.
struct Unprojected {
    rows: Arc<dyn Rows>,
    log: Arc<dyn Log>,
}

impl Rows for Unprojected {
    fn project(&self, _: &Manifest, _: &[Arc<Recorded>]) -> Result<Vec<Projected>, RowsFailure> {
        Ok(Vec::new())
    }

    fn reached(&self) -> CommitNumber {
        self.log.head()
    }

    fn view(&self) -> Box<dyn RowsView> {
        self.rows.view()
    }
}

/// The running committer.
pub(crate) struct LogCommitter {
    committer: Arc<CommitterAlone>,
    log: Arc<dyn Log>,
    uid: ProjectUid,
}

impl LogCommitter {
    /// Starts it on these engines.
    pub(crate) fn start(Engines { log, rows }: Engines) -> Result<Self> {
        let uid = ProjectUid([7; 16]);
        let options = NodeOptions::new(ProjectUid([1; 16]));
        let unprojected = Arc::new(Unprojected {
            rows,
            log: Arc::clone(&log),
        });
        let committer = CommitterAlone::start(Arc::clone(&log), unprojected, &options)?;
        committer.activate(PROJECT, ProjectHead::empty(uid), log.head());
        Ok(Self {
            committer: Arc::new(committer),
            log,
            uid,
        })
    }

    /// Somebody who appends to a stream of their own, one event at a time.
    pub(crate) fn appender(&self, number: usize) -> Appender {
        let thread = ThreadId::from_seed(&number.to_be_bytes());
        Appender {
            committer: Arc::clone(&self.committer),
            log: Arc::clone(&self.log),
            uid: self.uid,
            as_of: self.log.head(),
            stream: Stream::thread(&thread),
            subject: Subject::Thread(thread.as_str().into()),
            head: None,
            number: 0,
        }
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.committer.stop().await;
    }
}

/// Appends items to a stream.
pub(crate) struct Appender {
    committer: Arc<CommitterAlone>,
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
        let events = self.committer.append(append).await?;
        let first = events.first().context("an append without an event")?;
        let offset = first.envelope.offset;
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
        parent: None,
        mentions: None,
    };
    ThreadEvent::from(posted).into()
}
