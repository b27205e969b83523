//! Importers and subscribers at work, and the wait for them.

use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::agreement::Witness;
use super::attendance::Attendance;
use super::backoff::Backoff;
use super::calls::Calls;
use super::dialogues::{Dialogue, count_turns, numbers};
use super::importer::{Import, Importer, Way};
use super::subscriber::{Audience, Report, Subscriber};
use super::subscription::Subscription;
use crate::crash::client::Client;
use crate::crash::server::Announcement;

const HTTP_IMPORTERS: usize = 48;
const CALL_SOCKETS: usize = 2;
const IMPORTERS_A_SOCKET: usize = 16;

/// Each follows the whole project.
const FOLLOWERS: usize = 20;
/// They share out the threads among themselves, with a subscription a thread.
const WATCHERS: usize = 180;

pub(super) struct Trial {
    pub(super) import: Arc<Import>,
    audience: Arc<Audience>,
    importers: JoinSet<()>,
    subscribers: JoinSet<Report>,
    deadline: Instant,
}

impl Trial {
    /// Sets all at work, in the runtime that is entered, on a server that runs and may come and go at its address.
    pub(super) fn begin(
        server: &Announcement,
        dialogues: Vec<Dialogue>,
        deadline: Instant,
    ) -> Self {
        let audience = Arc::new(audience(server, &dialogues));
        let (watchers, new_threads): (Vec<_>, Vec<_>) =
            (0..WATCHERS).map(|_| mpsc::unbounded_channel()).unzip();
        let mut subscribers = JoinSet::new();
        for seat in 0..FOLLOWERS {
            let (_, no_threads) = mpsc::unbounded_channel();
            let follower = Subscriber::new(audience.clone(), seat, no_threads)
                .following(Subscription::to_everything());
            subscribers.spawn(follower.run());
        }
        for (watcher, new_threads) in new_threads.into_iter().enumerate() {
            let watcher = Subscriber::new(audience.clone(), FOLLOWERS + watcher, new_threads);
            subscribers.spawn(watcher.run());
        }
        let import = Arc::new(Import::new(dialogues, watchers));
        import.lives.begin();
        Self {
            importers: importers(server, &import),
            import,
            audience,
            subscribers,
            deadline,
        }
    }

    /// How many threads and items there are to import.
    pub(super) fn writes(&self) -> usize {
        self.import.dialogues.len() + count_turns(&self.import.dialogues)
    }

    /// Until so many writes were acknowledged.
    pub(super) async fn acknowledged(&mut self, writes: usize) {
        let mut acknowledged = self.import.acknowledged.subscribe();
        self.wait(async move {
            let reached = acknowledged.wait_for(|count| *count >= writes).await;
            reached.expect("the import itself counts");
        })
        .await;
    }

    /// Until each subscriber has seen as much as it is to see, or nothing more comes.
    pub(super) async fn all_seen(&mut self) {
        let audience = self.audience.clone();
        self.wait(async move { audience.attendance.all_complete_or_stalled().await })
            .await;
    }

    /// From here on a lost socket is the end of a subscriber. Until then it takes what still comes: nothing, unless
    /// something comes twice.
    pub(super) fn is_over(&self) {
        self.audience.over.send_replace(true);
    }

    /// What the subscribers have to say, once the server has stopped.
    pub(super) async fn witnesses(self) -> Vec<Witness> {
        let reports = timeout_at(self.deadline, self.subscribers.join_all()).await;
        let reports = reports.expect("a stopped server closes every socket");
        let dialogues = self.import.dialogues.len();
        let witness = |report: Report| Witness {
            name: name(report.seat),
            covers: covers(report.seat, dialogues).collect(),
            follows_the_project: report.seat < FOLLOWERS,
            report,
        };
        reports.into_iter().map(witness).collect()
    }

    /// Waits with an eye on the tasks: one that panicked would be waited for in vain.
    async fn wait(&mut self, reached: impl Future<Output = ()>) {
        let mut reached = pin!(reached);
        let (importers, subscribers) = (&mut self.importers, &mut self.subscribers);
        let wait = async {
            loop {
                tokio::select! {
                    () = &mut reached => return,
                    Some(ended) = importers.join_next() => ended.expect("importers do not panic"),
                    Some(ended) = subscribers.join_next() => panic!("a subscriber ended: {ended:?}"),
                }
            }
        };
        if timeout_at(self.deadline, wait).await.is_err() {
            panic!("the time is up\n{}", self.missing());
        }
    }

    fn missing(&self) -> String {
        let missing = self.audience.attendance.missing();
        format!(
            "{} of {} writes acknowledged\n{} subscribers wait for more:\n{}",
            *self.import.acknowledged.borrow(),
            self.writes(),
            missing.len(),
            missing.join("\n")
        )
    }
}

fn audience(server: &Announcement, dialogues: &[Dialogue]) -> Audience {
    let turns = |dialogue: usize| dialogues[dialogue].turns.len();
    let seat = |seat| (name(seat), covers(seat, dialogues.len()).map(turns).sum());
    Audience {
        server: server.clone(),
        numbers: numbers(dialogues),
        attendance: Attendance::new((0..FOLLOWERS + WATCHERS).map(seat)),
        over: watch::Sender::new(false),
    }
}

fn name(seat: usize) -> String {
    match seat.checked_sub(FOLLOWERS) {
        None => format!("follower {seat}"),
        Some(watcher) => format!("watcher {watcher}"),
    }
}

/// The numbers of the dialogues that somebody is to see, of so many.
fn covers(seat: usize, dialogues: usize) -> impl Iterator<Item = usize> {
    let watcher = seat.checked_sub(FOLLOWERS);
    (0..dialogues)
        .filter(move |dialogue| watcher.is_none_or(|watcher| dialogue % WATCHERS == watcher))
}

fn importers(server: &Announcement, import: &Arc<Import>) -> JoinSet<()> {
    let client = Client::new(server);
    let mut ways: Vec<Way> = Vec::new();
    ways.extend((0..HTTP_IMPORTERS).map(|_| Way::Http(client.clone())));
    for socket in 0..CALL_SOCKETS {
        let calls = Calls::open(server.clone(), socket as u64);
        ways.extend((0..IMPORTERS_A_SOCKET).map(|_| Way::Calls(calls.clone())));
    }
    let mut importers = JoinSet::new();
    for (way, seed) in ways.into_iter().zip(0..) {
        let import = import.clone();
        let importer = Importer {
            way,
            backoff: Backoff::new(seed),
        };
        importers.spawn(async move { importer.run(&import).await });
    }
    importers
}
