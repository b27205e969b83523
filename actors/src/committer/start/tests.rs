use std::sync::Arc;
use std::time::Duration;

use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest, Sealed};
use everlog_domain::ports::{AppendFailure, Log, ReadFailure, SealFailure, Subject};
use everlog_domain::time::Time;
use everlog_kit::{MemoryLog, MemoryRows};

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
