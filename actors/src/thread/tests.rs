use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use everlog_domain::access::{Caller, Privilege};
use everlog_domain::envelope::{Stream, StreamKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{CONSOLE, CommitNumber, ItemId, KeyId, Offset, ProjectUid, ThreadId};
use everlog_domain::log::{Draft, Manifest};
use everlog_domain::ports::{Log, Projected, Rows, RowsFailure, RowsView, Subject};
use everlog_domain::projects::{KeyDeleted, ProjectEvent};
use everlog_domain::threads::{
    CreateThread, ItemRole, Metadata, NewItem, Part, PostItem, ThreadCommand, ThreadRefusal,
};
use everlog_domain::time::Time;
use everlog_kit::{MemoryLog, MemoryRows};
use ractor::{ActorRef, ActorRuntime};
use tokio::sync::oneshot;

use super::{Asked, ThreadActor, ThreadMessage, ThreadWorld};
use crate::activator::Activator;
use crate::admission::Admission;
use crate::branches::Membership;
use crate::committer::{Committer, Outcome, Parts, Submission};
use crate::directory::Directory;
use crate::fixture;
use crate::live::Hub;
use crate::options::{CommitterMode, NodeOptions};
use crate::reads::Reads;
use crate::registry::Registry;
use crate::request::{Granted, IdOrigin, Refused, ThreadRequest};

const UID: ProjectUid = ProjectUid([1; 16]);

/// Rows that count how often somebody looks.
#[derive(Default)]
struct Watched {
    rows: MemoryRows,
    views: AtomicUsize,
}

impl Rows for Watched {
    fn project(
        &self,
        manifest: &Manifest,
        events: &[Arc<Recorded>],
    ) -> Result<Vec<Projected>, RowsFailure> {
        self.rows.project(manifest, events)
    }

    fn reached(&self) -> CommitNumber {
        self.rows.reached()
    }

    fn view(&self) -> Box<dyn RowsView> {
        self.views.fetch_add(1, Ordering::Relaxed);
        self.rows.view()
    }
}

/// One actor of a thread, without a node.
struct Alone {
    log: Arc<MemoryLog>,
    rows: Arc<Watched>,
    committer: Committer,
    admission: Admission,
    thread: ThreadId,
    actor: ActorRef<ThreadMessage>,
}

type Answered = oneshot::Receiver<Result<Granted, Refused>>;

impl Alone {
    fn start() -> Self {
        let options = NodeOptions {
            committer: CommitterMode::Inline,
            ..NodeOptions::new(UID)
        };
        let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(Watched::default()));
        let directory = Arc::new(Directory::new(rows.clone(), UID));
        let parts = Parts {
            log: log.clone(),
            rows: rows.clone(),
            directory: Arc::clone(&directory),
            hub: Hub::new(options.hub),
        };
        let committer = Committer::start(parts, &options).unwrap();
        let reads = Reads::new(log.clone(), rows.clone(), &options, options.writes);
        let thread = ThreadId::from_seed(b"thread");
        let world = ThreadWorld {
            activator: Activator::new(committer.clone(), directory, reads.clone()),
            committer: committer.clone(),
            log: log.clone(),
            reads,
            registry: Registry::new(),
            idle: Duration::from_secs(60),
            idle_actors: options.idle_actors,
            tickets: AtomicU64::new(0),
        };
        let actor = ThreadActor {
            world: Arc::new(world),
            key: (CONSOLE, thread.clone()),
            uid: UID,
            _membership: Membership::of_nobody(),
        };
        let (actor, _) = ActorRuntime::spawn_instant(None, actor, ()).unwrap();
        Self {
            log,
            rows,
            committer,
            admission: Admission::new(&options),
            thread,
            actor,
        }
    }

    /// Asks as somebody who was authenticated at this offset.
    fn ask(&self, epoch: Offset, command: ThreadCommand) -> Answered {
        let mut caller = Caller::guest(CONSOLE, epoch);
        caller.privilege = Privilege::Key;
        let request = ThreadRequest {
            caller,
            thread: self.thread.clone(),
            command,
            item_id: IdOrigin::Random,
            wish: None,
            now: Time(0),
        };
        let permit = self.admission.permit(CONSOLE, 1).unwrap();
        let (reply, answered) = oneshot::channel();
        let asked = Box::new(Asked::new(request, reply, permit));
        self.actor.send_message(ThreadMessage::Ask(asked)).unwrap();
        answered
    }

    fn create(&self) -> Answered {
        let command = CreateThread {
            thread: self.thread.clone(),
            name: None,
            metadata: Metadata::default(),
            permissions: None,
            participants: Vec::new(),
            template: None,
        };
        self.ask(Offset(0), ThreadCommand::Create(command))
    }

    fn post(&self, epoch: Offset, id: &str) -> Answered {
        let item = NewItem {
            id: ItemId::parse(id).unwrap(),
            role: ItemRole::User,
            parts: vec![Part::Text { text: id.into() }],
            metadata: Metadata::default(),
            tokens: None,
            author: None,
            parent: None,
            mentions: everlog_domain::threads::Mentions::new(),
        };
        self.ask(epoch, ThreadCommand::Post(PostItem { item }))
    }

    /// Takes from every caller what it was authenticated by. Answers with the offset.
    async fn revoke(&self) -> Offset {
        let key = KeyId::from_seed(b"key");
        let stream = Stream::new(StreamKind::Key, key.as_str());
        let event = Event::from(ProjectEvent::from(KeyDeleted { key }));
        let sealed = self.log.seal(UID, &Subject::Project, &event).unwrap();
        let append = fixture::append(
            CONSOLE,
            self.rows.reached(),
            vec![Draft {
                stream,
                event,
                sealed,
            }],
        );
        let (told, outcome) = oneshot::channel();
        let answer = Box::new(|outcome| drop(told.send(outcome)));
        self.committer
            .submit(Submission { append, answer })
            .unwrap();
        match outcome.await.unwrap() {
            Outcome::Committed { events, .. } => events[0].envelope.offset,
            refused => panic!("{refused:?}"),
        }
    }

    fn views(&self) -> usize {
        self.rows.views.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn an_actor_that_leaves_answers_what_lies_behind_the_timer_in_its_mailbox() {
    let alone = Alone::start();
    let first = alone.post(Offset(0), "i1");
    alone.actor.send_message(ThreadMessage::CheckIdle).unwrap();
    let second = alone.post(Offset(0), "i2");
    for answered in [first, second] {
        let refused = answered.await.unwrap().unwrap_err();
        assert_eq!(refused, Refused::Thread(ThreadRefusal::NotFound));
    }
    alone.actor.wait(None).await.unwrap();
}

#[tokio::test]
async fn a_caller_who_was_revoked_does_not_make_the_state_be_read_again() {
    let alone = Alone::start();
    alone.create().await.unwrap().unwrap();
    alone.post(Offset(0), "i1").await.unwrap().unwrap();
    let epoch = alone.revoke().await;
    let views = alone.views();
    let refused = alone.post(Offset(0), "i2");
    let on_top_of_it = alone.post(epoch, "i3");
    assert_eq!(refused.await.unwrap().unwrap_err(), Refused::AccessMoved);
    let granted = on_top_of_it.await.unwrap().unwrap();
    assert_eq!(granted.events[0].envelope.position.0, 3);
    assert_eq!(alone.views(), views);
}
