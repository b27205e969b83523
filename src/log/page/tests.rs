//! Records that do not read.

use everlog_actors::{CommitterMode, IdOrigin, Node, NodeOptions, ThreadRequest};
use everlog_domain::event::Event;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CONSOLE, CommitNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest, Sealed};
use everlog_domain::ports::{AppendFailure, Rows, SealFailure, Subject};
use everlog_domain::threads::{CreateThread, Metadata, ThreadCommand};
use everlog_kit::{MemoryLog, MemoryRows};
use serde_json::{Value, json};

use super::*;

/// A log of which one payload has lost its key, and one record is damaged.
struct Broken {
    log: Arc<MemoryLog>,
    keyless: Offset,
    damaged: Offset,
}

impl Broken {
    fn check(&self, events: Vec<Recorded>) -> Result<Vec<Recorded>, ReadFailure> {
        for Recorded { envelope, .. } in &events {
            let (project, offset) = (envelope.project, envelope.offset);
            if offset == self.keyless {
                let envelope = Box::new(envelope.clone());
                return Err(ReadFailure::KeyMissing { envelope });
            }
            if offset == self.damaged {
                let reason = "a secret of the disk".to_owned();
                return Err(ReadFailure::Damaged {
                    project,
                    offset,
                    reason,
                });
            }
        }
        Ok(events)
    }
}

impl Log for Broken {
    fn seal(&self, uid: ProjectUid, of: &Subject, event: &Event) -> Result<Sealed, SealFailure> {
        self.log.seal(uid, of, event)
    }

    fn append(&self, batch: &Batch) -> Result<(), AppendFailure> {
        self.log.append(batch)
    }

    fn head(&self) -> CommitNumber {
        self.log.head()
    }

    fn read(
        &self,
        of: ProjectNumber,
        from: Offset,
        n: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.check(self.log.read(of, from, n)?)
    }

    fn read_at(&self, of: ProjectNumber, at: &[Offset]) -> Result<Vec<Recorded>, ReadFailure> {
        self.check(self.log.read_at(of, at)?)
    }

    fn manifests(&self, after: CommitNumber, n: usize) -> Result<Vec<Manifest>, ReadFailure> {
        self.log.manifests(after, n)
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        self.log.stored_bytes(project)
    }

    fn hash_at(&self, of: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        self.log.hash_at(of, offset)
    }
}

#[tokio::test]
async fn a_lost_key_is_shown_and_damage_is_named() {
    let options = NodeOptions {
        committer: CommitterMode::Inline,
        ..NodeOptions::new(ProjectUid([1; 16]))
    };
    let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(MemoryRows::new()));
    let node = Node::start(log.clone(), rows.clone(), options)
        .await
        .unwrap();
    for number in 0..8 {
        let thread = everlog_domain::ids::ThreadId::parse(&format!("t{number}")).unwrap();
        let command = ThreadCommand::Create(CreateThread {
            thread: thread.clone(),
            name: None,
            metadata: Metadata::default(),
            permissions: None,
            participants: Vec::new(),
            template: None,
        });
        let request = ThreadRequest {
            caller: node.system(CONSOLE),
            thread,
            command,
            item_id: IdOrigin::Chosen,
            wish: None,
            now: crate::clock::now(),
        };
        node.thread(request).await.unwrap();
    }
    let (keyless, damaged) = (Offset(3), Offset(6));
    let broken = Broken {
        log,
        keyless,
        damaged,
    };
    let mut ask = Ask {
        project: CONSOLE,
        filter: Arc::default(),
        from: Offset(1),
        until: None,
        most: 9,
    };
    let view = rows.view();
    let page = read(view.as_ref(), &broken, &ask).unwrap();
    let shown: Vec<Value> = page
        .found
        .iter()
        .map(|found| serde_json::from_str(&found.text).unwrap())
        .collect();
    let [_, whole, lost, ..] = shown.as_slice() else {
        panic!("{shown:?}");
    };
    assert_eq!(
        (&whole["offset"], &whole["unreadable"]),
        (&json!(2), &Value::Null)
    );
    assert_eq!((&lost["offset"], &lost["event"]), (&json!(3), &Value::Null));
    assert!(
        lost["unreadable"].as_str().unwrap().contains("missing"),
        "{lost}"
    );
    assert!(page.next <= damaged, "nothing is passed over");
    ask.from = page.next;
    let error = read(view.as_ref(), &broken, &ask).unwrap_err();
    assert_eq!(error.kind(), ErrorType::LogDamaged);
    let body = error.body();
    assert!(body.message.contains("offset 6"), "{}", body.message);
    assert!(!body.message.contains("secret"), "{}", body.message);
}
