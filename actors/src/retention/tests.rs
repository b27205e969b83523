use std::sync::Arc;

use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{ItemId, Offset, ProjectId, ProjectUid};
use everlog_domain::projects::{Retention, SetRetention};
use everlog_domain::threads::{
    CreateThread, ItemRole, Metadata, NewItem, OpenItem, Part, PostItem, ThreadEvent,
};
use everlog_domain::time::Time;
use everlog_kit::{MemoryLog, MemoryRows};

use super::*;
use crate::options::{CommitterMode, NodeOptions};
use crate::request::{ProjectCommand, ProjectRequest};

const BEGIN: Time = Time(1_800_000_000_000_000);

/// A node in memory with a project.
struct World {
    node: Node,
    log: Arc<MemoryLog>,
    project: ProjectNumber,
}

impl World {
    async fn new() -> Self {
        let log = Arc::new(MemoryLog::new());
        Self::on(log, Arc::new(MemoryRows::new())).await
    }

    async fn on(log: Arc<MemoryLog>, rows: Arc<MemoryRows>) -> Self {
        let options = NodeOptions {
            committer: CommitterMode::Inline,
            ..NodeOptions::new(ProjectUid([1; 16]))
        };
        let engine: Arc<dyn everlog_domain::ports::Log> = Arc::clone(&log) as _;
        let node = Node::start(engine, rows, options).await.unwrap();
        let id = ProjectId::parse("p").unwrap();
        let uid = ProjectUid([2; 16]);
        let project = node.ensure_project(&id, "P", uid, BEGIN).await.unwrap();
        Self { node, log, project }
    }

    async fn rule(&self, max_age: Option<u64>, items: Option<u32>) {
        let command = ProjectCommand::SetRetention(SetRetention {
            project: ProjectId::parse("p").unwrap(),
            retention: Retention::new(max_age, items).unwrap(),
        });
        let request = ProjectRequest {
            caller: self.node.system(self.project),
            command,
            wish: None,
            now: BEGIN,
        };
        self.node.project(request).await.unwrap();
    }

    async fn ask(&self, thread: &str, command: ThreadCommand, now: Time) {
        let request = ThreadRequest {
            caller: self.node.system(self.project),
            thread: ThreadId::parse(thread).unwrap(),
            command,
            item_id: IdOrigin::Random,
            wish: None,
            now,
        };
        self.node.thread(request).await.unwrap();
    }

    /// A thread with so many items, one a minute.
    async fn thread(&self, id: &str, items: usize) {
        let create = CreateThread {
            thread: ThreadId::parse(id).unwrap(),
            name: None,
            metadata: Metadata::default(),
            permissions: None,
            participants: Vec::new(),
            template: None,
        };
        self.ask(id, ThreadCommand::Create(create), BEGIN).await;
        for number in 0..items {
            let item = item(&format!("i{number}"));
            let minute = i64::try_from(number).unwrap() * 60;
            let post = ThreadCommand::Post(PostItem { item });
            self.ask(id, post, BEGIN.plus_seconds(minute)).await;
        }
    }

    fn expirations(&self) -> Vec<(Recorded, Vec<String>)> {
        use everlog_domain::ports::Log as _;
        let events = self.log.read(self.project, Offset(1), usize::MAX).unwrap();
        let expired = events.into_iter().filter_map(|recorded| {
            let Event::Thread(ThreadEvent::ItemsExpired(event)) = &recorded.event else {
                return None;
            };
            let gone = event.items.iter().map(|gone| gone.item.to_string());
            let gone = gone.collect();
            Some((recorded, gone))
        });
        expired.collect()
    }
}

fn item(id: &str) -> NewItem {
    NewItem {
        id: ItemId::parse(id).unwrap(),
        role: ItemRole::User,
        parts: vec![Part::Text { text: id.into() }],
        metadata: Metadata::default(),
        tokens: None,
        author: None,
        parent: None,
        mentions: everlog_domain::threads::Mentions::new(),
    }
}

/// Slices until a round is over; how many.
async fn round(sweeper: &mut Sweeper, now: Time) -> usize {
    for slices in 1..10_000 {
        if sweeper.slice(now).await.unwrap() == Swept::Round {
            return slices;
        }
    }
    panic!("the round does not end");
}

#[tokio::test]
async fn without_a_rule_nothing_is_looked_at() {
    let world = World::new().await;
    world.thread("t", 3).await;
    let mut sweeper = Sweeper::new(world.node.clone());
    let late = BEGIN.plus_seconds(1 << 30);
    // once to find out, once to see that there is none
    assert_eq!(round(&mut sweeper, late).await, 2);
    assert_eq!(round(&mut sweeper, late).await, 1);
    assert!(world.expirations().is_empty());
}

#[tokio::test]
async fn each_event_lets_many_go_and_one_slice_appends_one() {
    let world = World::new().await;
    world.thread("t", 450).await;
    world.rule(Some(3_600), None).await;
    let mut sweeper = Sweeper::new(world.node.clone());
    // the age of the item at minute 440
    let now = BEGIN.plus_seconds(440 * 60 + 3_600);
    let mut told = 0;
    loop {
        let swept = sweeper.slice(now).await.unwrap();
        let now_told = world.expirations().len();
        assert!(now_told <= told + 1, "a slice appends one event at most");
        told = now_told;
        if swept == Swept::Round {
            break;
        }
    }
    let gone: Vec<usize> = world
        .expirations()
        .iter()
        .map(|(_, gone)| gone.len())
        .collect();
    assert_eq!(gone, [200, 200, 41]);
    let all: Vec<String> = world
        .expirations()
        .into_iter()
        .flat_map(|(_, gone)| gone)
        .collect();
    let expected: Vec<String> = (0..=440).map(|number| format!("i{number}")).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn the_newest_are_counted_over_deltas_and_what_has_expired() {
    let world = World::new().await;
    world.thread("t", 1).await;
    let open = OpenItem { item: item("open") };
    world.ask("t", ThreadCommand::Open(open), BEGIN).await;
    for _ in 0..5_000 {
        let append = everlog_domain::threads::AppendDelta {
            item: ItemId::parse("open").unwrap(),
            deltas: vec![everlog_domain::threads::Delta::Text {
                part: 0,
                text: "x".into(),
            }],
        };
        world.ask("t", ThreadCommand::Append(append), BEGIN).await;
    }
    for number in 0..4 {
        let post = PostItem {
            item: item(&format!("late{number}")),
        };
        world.ask("t", ThreadCommand::Post(post), BEGIN).await;
    }
    world.rule(None, Some(4)).await;
    let mut sweeper = Sweeper::new(world.node.clone());
    round(&mut sweeper, BEGIN).await;
    let gone: Vec<Vec<String>> = world
        .expirations()
        .into_iter()
        .map(|(_, gone)| gone)
        .collect();
    assert_eq!(gone, [["i0"]], "what is being written stays");
    round(&mut sweeper, BEGIN).await;
    assert_eq!(
        world.expirations().len(),
        1,
        "what has expired does not count"
    );
}

#[tokio::test]
async fn a_sweep_that_is_made_anew_goes_on_where_the_rows_are() {
    let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(MemoryRows::new()));
    let world = World::on(Arc::clone(&log), Arc::clone(&rows)).await;
    for thread in ["a", "b", "c"] {
        world.thread(thread, 250).await;
    }
    world.rule(None, Some(10)).await;
    let mut sweeper = Sweeper::new(world.node.clone());
    while world.expirations().len() < 3 {
        sweeper.slice(BEGIN).await.unwrap();
    }
    drop(sweeper);
    world.node.stop().await;
    // a process that knows of no rule
    let world = World::on(log, rows).await;
    round(&mut Sweeper::new(world.node.clone()), BEGIN).await;
    let mut gone: Vec<(String, String)> = Vec::new();
    for (recorded, items) in world.expirations() {
        let thread = recorded.envelope.stream.id.to_string();
        gone.extend(items.into_iter().map(|item| (thread.clone(), item)));
    }
    let number = gone.len();
    gone.sort();
    gone.dedup();
    assert_eq!((gone.len(), number), (3 * 240, 3 * 240), "each once");
}

#[tokio::test]
async fn a_refusal_leaves_it_where_it_is() {
    let world = World::new().await;
    world.thread("t", 3).await;
    world.rule(None, Some(1)).await;
    let mut sweeper = Sweeper::new(world.node.clone());
    sweeper.slice(BEGIN).await.unwrap();
    world.log.fail_append(1, everlog_kit::AppendFault::Full);
    assert_eq!(sweeper.slice(BEGIN).await, Err(Refused::DiskFull));
    assert!(world.expirations().is_empty());
    round(&mut sweeper, BEGIN).await;
    assert_eq!(world.expirations().len(), 1);
}
