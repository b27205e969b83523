//! Runs a seed: the process lives, ends, starts again on what it left, until the quiet last life.

use std::sync::Arc;
use std::time::Duration;

use everlog_actors::live::HubBounds;
use everlog_actors::{CommitterMode, Node, NodeOptions};
use everlog_domain::ids::{Offset, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::time::Time;
use everlog_kit::catch_up;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::chance::Chance;
use super::client::{Client, Gossip, Kind};
use super::follower::Follower;
use super::invariants;
use super::ledger::{Breach, SharedLedger, happening, invariant};
use super::machine::{Machine, Remains};
use super::plan::{End, Life, Plan};
use super::tally::Tally;

/// Longer than any life, on the simulation's clock: who waits that long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(3_600);

const CLIENTS: [(Kind, usize); 9] = [
    (Kind::Person(0), 0),
    (Kind::Person(1), 0),
    (Kind::Person(2), 0),
    (Kind::Key(0), 0),
    (Kind::Operator, 0),
    (Kind::Person(0), 1),
    (Kind::Key(1), 1),
    (Kind::Key(0), 1),
    (Kind::Sweeper, 0),
];

/// What came of a seed.
pub(super) struct Outcome {
    pub(super) breaches: Vec<Breach>,
    pub(super) lines: Vec<String>,
    pub(super) tally: Tally,
}

struct Simulation {
    seed: u64,
    ledger: SharedLedger,
    gossip: Arc<Mutex<Gossip>>,
    reached: [Arc<Mutex<Offset>>; 2],
    now: Time,
}

/// Runs a seed.
pub(super) fn run(seed: u64) -> Outcome {
    let plan = Plan::of(seed);
    let mut simulation = Simulation {
        seed,
        ledger: Arc::default(),
        gossip: Arc::default(),
        reached: Default::default(),
        now: plan.begins,
    };
    let mut remains = Remains::default();
    for (number, life) in plan.lives.iter().enumerate() {
        simulation
            .ledger
            .lock()
            .trace(format!("life {number}: {life:?}"));
        remains = simulation.live(number, life, remains);
        invariants::check_disk(&remains, &simulation.ledger);
        if !simulation.ledger.lock().breaches.is_empty() {
            break;
        }
    }
    let ledger = std::mem::take(&mut *simulation.ledger.lock());
    Outcome {
        tally: Tally::of(&ledger),
        breaches: ledger.breaches,
        lines: ledger.lines,
    }
}

impl Simulation {
    fn live(&mut self, number: usize, life: &Life, remains: Remains) -> Remains {
        let chance = Chance::of(self.seed, &format!("machine {number}"));
        let machine = Machine::start(remains, life, chance, Arc::clone(&self.ledger));
        let machine = Arc::new(machine);
        catch_up(&machine.log, &machine.rows).expect("what was written reads");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime of one thread");
        let passed = runtime.block_on(async {
            let born = Instant::now();
            let crashed = Arc::clone(&machine);
            tokio::select! {
                biased;
                () = crashed.crashed() => {}
                () = self.spend(number, life, &machine) => {}
            }
            born.elapsed()
        });
        // Everything that was under way ends here, wherever it was.
        drop(runtime);
        self.now = Time(self.now.0 + i64::try_from(passed.as_micros()).unwrap_or(0) + 1_000);
        if machine.log.appends_after_broken() > 0 {
            let mut ledger = self.ledger.lock();
            ledger.broke(
                invariant::FAILED_SYNC_IS_NOT_RETRIED,
                format!("life {number}"),
            );
        }
        machine.remains()
    }

    async fn spend(&self, number: usize, life: &Life, machine: &Arc<Machine>) {
        let options = NodeOptions {
            committer: CommitterMode::Inline,
            remembered: life.remembered,
            idle: life.idle,
            hub: HubBounds {
                ring_events: 4,
                ..HubBounds::default()
            },
            ..NodeOptions::new(ProjectUid([1; 16]))
        };
        let node = Node::start(Arc::clone(machine) as _, Arc::clone(machine) as _, options);
        let node = node.await.expect("rows and log are at the same commit");
        let Some(projects) = self.projects(&node).await else {
            self.has_halted(number, life, &node).await;
            return;
        };
        for (project, reached) in projects.iter().zip(&self.reached) {
            let follower = Follower {
                project: *project,
                node: node.clone(),
                machine: Arc::clone(machine),
                ledger: Arc::clone(&self.ledger),
                chance: self.chance(&format!("follower {number} {project}")),
                reached: Arc::clone(reached),
            };
            drop(tokio::spawn(follower.run()));
        }
        let clients = (0..life.hands).flat_map(|_| CLIENTS.iter()).enumerate();
        let clients = clients.map(|(place, (kind, project))| {
            let client = Client {
                number: place,
                kind: *kind,
                project: projects[*project],
                node: node.clone(),
                machine: Arc::clone(machine),
                ledger: Arc::clone(&self.ledger),
                gossip: Arc::clone(&self.gossip),
                chance: self.chance(&format!("client {number} {place}")),
                begins: self.now,
                born: Instant::now(),
                session: None,
            };
            tokio::spawn(client.run(life.wishes, life.pause))
        });
        let clients: Vec<_> = clients.collect();
        let all_answered = async {
            for client in clients {
                client.await.expect("a client does not panic");
            }
        };
        if tokio::time::timeout(FOR_EVER, all_answered).await.is_err() {
            let detail = format!("life {number}: somebody still waits");
            self.ledger
                .lock()
                .broke(invariant::EVERYBODY_IS_ANSWERED, detail);
        }
        if tokio::time::timeout(FOR_EVER, node.stop()).await.is_err() {
            let detail = format!("life {number}: the node does not stop");
            self.ledger
                .lock()
                .broke(invariant::EVERYBODY_IS_ANSWERED, detail);
        }
        if !self.has_halted(number, life, &node).await {
            self.ledger.lock().happened(happening::STOP);
            self.followers_reach_the_end(machine, &projects).await;
        }
    }

    fn chance(&self, purpose: &str) -> Chance {
        Chance::of(self.seed, purpose)
    }

    /// The two projects, made if they are not there; nothing if the node does not let us.
    async fn projects(&self, node: &Node) -> Option<[ProjectNumber; 2]> {
        let mut numbers = [ProjectNumber(0); 2];
        for (place, number) in numbers.iter_mut().enumerate() {
            let id = ProjectId::parse(&format!("p{place}")).expect("a short id");
            let uid = ProjectUid([2 + u8::try_from(place).unwrap_or(0); 16]);
            // The disk may be full, an actor may panic: set-up tries again, like everybody.
            for _ in 0..10 {
                match node.ensure_project(&id, "a project", uid, self.now).await {
                    Ok(found) => {
                        *number = found;
                        break;
                    }
                    Err(refused) => self.ledger.lock().trace(format!("set-up: {refused}")),
                }
            }
            if *number == ProjectNumber(0) {
                return None;
            }
        }
        Some(numbers)
    }

    /// Whether it has; a halt needs a reason.
    async fn has_halted(&self, number: usize, life: &Life, node: &Node) -> bool {
        let halt = tokio::select! {
            biased;
            halt = node.halted() => halt,
            () = std::future::ready(()) => return false,
        };
        if !matches!(life.end, End::Log { .. } | End::Rows { .. }) {
            let detail = format!("life {number}: {halt}");
            let mut ledger = self.ledger.lock();
            ledger.broke(invariant::HALTS_FOR_A_REASON, detail);
        }
        true
    }

    /// After a stop in good order, every follower has seen everything.
    async fn followers_reach_the_end(&self, machine: &Machine, projects: &[ProjectNumber]) {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        for (project, reached) in projects.iter().zip(&self.reached) {
            let (reached, durable) = (*reached.lock(), machine.durable(*project));
            if reached != durable {
                let detail = format!("project {project}: reached {reached} of {durable}");
                let mut ledger = self.ledger.lock();
                ledger.broke(invariant::FOLLOWER_MISSES_NOTHING, detail);
            }
        }
    }
}
