use std::sync::Arc;
use std::time::Duration;

use everlog_domain::envelope::Stream;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectId, ProjectNumber, ProjectUid, ThreadId};
use everlog_domain::log::{Append, Basis, Batch, Draft, Expected, Manifest, ProjectHead, Sealed};
use everlog_domain::ports::{
    AppendFailure, Log, Projected, ReadFailure, Rows, RowsFailure, RowsView, SealFailure, Subject,
};
use everlog_domain::threads::{ThreadDeleted, ThreadEvent};
use everlog_domain::time::Time;
use everlog_kit::{MemoryLog, MemoryRows};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{BETWEEN_STAGES, Committer, Parts};
use crate::committer::{Outcome, Submission};
use crate::directory::Directory;
use crate::fixture;
use crate::live::Hub;
use crate::node::Node;
use crate::options::NodeOptions;

/// An engine with a bug.
struct Panicking(MemoryLog);

impl Log for Panicking {
    fn append(&self, _: &Batch) -> Result<(), AppendFailure> {
        panic!("an assertion of the engine");
    }

    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure> {
        self.0.seal(uid, subject, event)
    }

    fn head(&self) -> CommitNumber {
        self.0.head()
    }

    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.0.read(project, from, limit)
    }

    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.0.read_at(project, offsets)
    }

    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure> {
        self.0.manifests(after, limit)
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        self.0.stored_bytes(project)
    }

    fn hash_at(&self, project: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        self.0.hash_at(project, offset)
    }
}

#[tokio::test]
async fn a_stage_that_panics_halts_the_node_and_leaves_nobody_waiting_in_silence() {
    let log = Arc::new(Panicking(MemoryLog::new()));
    let rows = Arc::new(MemoryRows::new());
    let options = NodeOptions::new(ProjectUid([1; 16]));
    let node = Node::start(log, rows, options).await.unwrap();
    let asking = node.clone();
    tokio::spawn(async move {
        let project = ProjectId::parse("p").unwrap();
        let uid = ProjectUid([2; 16]);
        asking.ensure_project(&project, "p", uid, Time(0)).await
    });
    let halt = tokio::time::timeout(Duration::from_secs(30), node.halted());
    let halt = halt.await.expect("it halts");
    assert!(halt.reason.contains("panicked"), "{halt}");
}

const UID: ProjectUid = ProjectUid([2; 16]);
const PROJECT: ProjectNumber = ProjectNumber(2);

/// Rows that take nothing until they are told to, and then fail.
struct Stuck {
    rows: MemoryRows,
    told: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Rows for Stuck {
    fn project(&self, _: &Manifest, _: &[Arc<Recorded>]) -> Result<Vec<Projected>, RowsFailure> {
        self.told.lock().recv().unwrap();
        Err(RowsFailure::Engine {
            reason: "the disk of the rows".to_owned(),
        })
    }

    fn reached(&self) -> CommitNumber {
        self.rows.reached()
    }

    fn view(&self) -> Box<dyn RowsView> {
        self.rows.view()
    }
}

/// An append to a stream of its own.
fn append(log: &MemoryLog, number: u64) -> Append {
    let thread = ThreadId::from_seed(&number.to_be_bytes());
    let stream = Stream::thread(&thread);
    let event: Event = ThreadEvent::from(ThreadDeleted { thread }).into();
    let sealed = log.seal(UID, &Subject::Project, &event).unwrap();
    Append {
        expected: vec![Expected {
            stream: stream.clone(),
            head: None,
            basis: Basis::Durable,
        }],
        ..fixture::append(
            PROJECT,
            CommitNumber(0),
            vec![Draft {
                stream,
                event,
                sealed,
            }],
        )
    }
}

/// One batch is with the rows, as many as there may be are between the stages, and one finds no room.
#[tokio::test]
async fn rows_that_fail_leave_nobody_unanswered_whose_batch_is_durable() {
    let log = Arc::new(MemoryLog::new());
    let (tell, told) = std::sync::mpsc::channel();
    let rows: Arc<dyn Rows> = Arc::new(Stuck {
        rows: MemoryRows::new(),
        told: Mutex::new(told),
    });
    let options = NodeOptions::new(ProjectUid([1; 16]));
    let parts = Parts {
        log: Arc::clone(&log) as _,
        rows: Arc::clone(&rows),
        directory: Arc::new(Directory::new(rows, options.console_uid)),
        hub: Hub::new(options.hub),
    };
    let committer = Committer::start(parts, &options).unwrap();
    committer.activate(PROJECT, ProjectHead::empty(UID), CommitNumber(0));
    let mut waiting = Vec::new();
    for number in 1..=BETWEEN_STAGES as u64 + 2 {
        let (answer, outcome) = oneshot::channel();
        let submission = Submission {
            append: append(&log, number),
            answer: Box::new(move |outcome| drop(answer.send(outcome))),
        };
        committer.submit(submission).unwrap();
        waiting.push(outcome);
        // each in a batch of its own
        while log.head() < CommitNumber(number) {
            tokio::task::yield_now().await;
        }
    }
    tell.send(()).unwrap();
    for outcome in waiting {
        let answered = tokio::time::timeout(Duration::from_secs(30), outcome).await;
        let outcome = answered.expect("nobody waits for ever");
        let outcome = outcome.expect("an answer that is dropped unsaid tells nobody");
        assert!(matches!(outcome, Outcome::Stopped), "{outcome:?}");
    }
    committer.halted().await;
}
