use std::time::Duration;

use everlog_domain::ids::ThreadId;
use everlog_domain::threads::{CreateThread, Metadata, ThreadCommand, ThreadRefusal, UpdateThread};
use everlog_kit::{MemoryLog, MemoryRows, SealFault};

use super::*;
use crate::options::CommitterMode;
use crate::request::IdOrigin;

struct World {
    node: Node,
    log: Arc<MemoryLog>,
    project: ProjectNumber,
}

impl World {
    /// A node with one project, on one thread.
    async fn new(options: NodeOptions) -> Self {
        let log = Arc::new(MemoryLog::new());
        let rows = Arc::new(MemoryRows::new());
        let options = NodeOptions {
            committer: CommitterMode::Inline,
            ..options
        };
        let node = Node::start(Arc::clone(&log) as _, rows, options).await;
        let node = node.unwrap();
        let id = ProjectId::parse("p").unwrap();
        let made = node.ensure_project(&id, "p", ProjectUid([2; 16]), Time(0));
        let project = made.await.unwrap();
        Self { node, log, project }
    }

    async fn ask(&self, thread: &str, command: ThreadCommand) -> Result<Granted, Refused> {
        self.node.thread(self.request(thread, command)).await
    }

    fn request(&self, thread: &str, command: ThreadCommand) -> ThreadRequest {
        ThreadRequest {
            caller: self.node.system(self.project),
            thread: id(thread),
            command,
            item_id: IdOrigin::Chosen,
            wish: None,
            now: Time(0),
        }
    }

    /// Puts a request into the mailbox of a thread's actor, which does not run before the test
    /// waits for something.
    fn send(&self, thread: &str) -> oneshot::Receiver<Result<Granted, Refused>> {
        let (reply, answer) = oneshot::channel();
        let request = self.request(thread, ThreadCommand::Update(UpdateThread::default()));
        let permit = self.node.0.admission.permit(self.project, 1).unwrap();
        let asked = Box::new(Asked::new(request, reply, permit));
        self.send_message(thread, ThreadMessage::Ask(asked));
        answer
    }

    fn send_message(&self, thread: &str, message: ThreadMessage) {
        let key = (self.project, id(thread));
        let uid = self.node.0.directory.uid(self.project).unwrap().unwrap();
        let spawn = || self.node.0.tree.thread(&key, uid);
        let sent = self.node.0.threads.registry.send(&key, message, spawn);
        assert!(sent.is_ok(), "{thread} has no actor");
    }

    async fn create(&self, thread: &str) -> Result<Granted, Refused> {
        let create = CreateThread {
            thread: id(thread),
            name: None,
            metadata: Metadata::default(),
            permissions: None,
            participants: Vec::new(),
            template: None,
        };
        self.ask(thread, ThreadCommand::Create(create)).await
    }

    fn threads(&self) -> usize {
        self.node.0.threads.registry.len()
    }

    fn projects(&self) -> usize {
        self.node.0.tree.projects_in_memory()
    }
}

fn id(text: &str) -> ThreadId {
    ThreadId::parse(text).unwrap()
}

fn options() -> NodeOptions {
    NodeOptions::new(ProjectUid([1; 16]))
}

/// Lets the actors work, which are tasks of this thread, until nothing is left to do for this.
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to hold");
}

/// Lets an actor's time pass.
async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}

#[tokio::test(start_paused = true)]
async fn a_project_that_nobody_writes_to_costs_nothing() {
    let idle = Duration::from_secs(60);
    let world = World::new(NodeOptions { idle, ..options() }).await;
    for thread in ["t1", "t2"] {
        world.create(thread).await.unwrap();
    }
    assert_eq!((world.node.actors(), world.projects()), (3, 2));
    for _ in 0..3 {
        pass(idle).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    until(|| world.node.actors() == 0).await;
    until(|| world.projects() == 0).await;
    // It comes back as if it had never been away.
    let unchanged = world.ask("t1", ThreadCommand::Update(UpdateThread::default()));
    assert!(unchanged.await.unwrap().events.is_empty());
    assert_eq!((world.threads(), world.projects()), (1, 1));
    world.node.stop().await;
}

#[tokio::test]
async fn where_many_actors_are_idle_one_leaves_when_it_has_answered() {
    let bounded = NodeOptions {
        idle_actors: 2,
        ..options()
    };
    let world = World::new(bounded).await;
    for number in 0..20 {
        world.create(&format!("t{number}")).await.unwrap();
        until(|| world.threads() <= 2).await;
    }
    let create = world.create("t19").await.err();
    assert_eq!(create, Some(ThreadRefusal::AlreadyExists.into()));
    world.node.stop().await;
}

#[tokio::test]
async fn an_actor_that_leaves_answers_what_it_was_asked_before() {
    let bounded = NodeOptions {
        idle_actors: 0,
        ..options()
    };
    let world = World::new(bounded).await;
    world.create("t").await.unwrap();
    until(|| world.threads() == 0).await;
    let first = world.send("t");
    // The time to look whether it is idle comes while it is on its way out.
    world.send_message("t", ThreadMessage::CheckIdle);
    let second = world.send("t");
    for answer in [first, second] {
        assert!(answer.await.expect("it is answered").is_ok());
    }
    world.node.stop().await;
}

#[tokio::test]
async fn an_actor_that_failed_is_not_kept() {
    let world = World::new(options()).await;
    world.create("t").await.unwrap();
    assert_eq!(world.threads(), 1);
    world.log.fail_seal(1, SealFault::Panic);
    let lost = world.create("u").await.err();
    assert_eq!(lost, Some(Refused::Unknown));
    until(|| world.threads() == 1).await;
    assert!(world.create("u").await.is_ok());
    world.node.stop().await;
}

#[tokio::test]
async fn a_stopped_node_spawns_no_actor_and_lets_go_of_the_engines() {
    let world = World::new(options()).await;
    world.create("t").await.unwrap();
    world.node.stop().await;
    assert!(world.node.0.tree.project(world.project).is_none());
    assert_eq!(world.projects(), 0);
    let World { node, log, .. } = world;
    drop(node);
    assert_eq!(
        Arc::strong_count(&log),
        1,
        "somebody still holds the engine"
    );
}
