//! A recorded life of a server, and the outages that cut it short.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::client::Client;
use super::disk::Disk;
use super::fate::{Fate, random};
use super::image::Image;
use super::ledger::Ledger;
use super::load::{Amount, Load};
use super::memory;
use super::recording::Recording;
use super::reopen::{examine, unpack};
use super::server::Server;
use super::trace::Operation;

/// Of so many outages one is followed by a second, while the server recovers from the first or soon after.
const TWICE_EVERY: u64 = 4;
const WORKERS: usize = 2;

/// A server's life under load, from the empty folder to an orderly stop.
pub(super) struct Recorded {
    pub(super) recording: Recording,
    pub(super) before: Disk,
    pub(super) ledger: Ledger,
    _folder: TempDir,
}

/// A power failure, made of its seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    seed: u64,
    /// After so many bytes of the trace.
    cut: u64,
    survives: Survives,
}

/// What of the unsynced does.
#[derive(Clone, Copy, Debug)]
enum Survives {
    BySeed(u64),
    Nothing,
}

impl Outage {
    pub(super) fn losing_all(self) -> Self {
        Self {
            survives: Survives::Nothing,
            ..self
        }
    }

    fn fate(&self) -> Fate {
        match self.survives {
            Survives::BySeed(seed) => Fate::from_seed(seed),
            Survives::Nothing => Fate::DropAll,
        }
    }
}

pub(super) fn record(
    seed: u64,
    amount: Amount,
    ignored_syncs: Option<&'static str>,
) -> Option<Recorded> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("a data folder");
    let before = Disk::durable(&data).expect("an empty folder can be read");
    let mut recording = Recording::of(&data, &folder.path().join("trace"))?;
    if let Some(path) = ignored_syncs {
        recording = recording.ignoring_syncs_below(path);
    }
    let server =
        Server::start(&data, Some(&recording)).expect("the server starts on an empty folder");
    let mut load = Load::new(seed, amount.large);
    runtime().block_on(under_load(
        &mut load,
        server,
        &recording,
        amount.writes,
        Server::stop,
    ));
    Some(Recorded {
        recording,
        before,
        ledger: load.ledger(),
        _folder: folder,
    })
}

async fn under_load(
    load: &mut Load,
    server: Server,
    recording: &Recording,
    writes: usize,
    end: fn(Server),
) {
    let client = Client::new(&server.announcement);
    load.run(&client, &recording.length(), writes, || async move {
        end(server)
    })
    .await;
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// Every outage in the order of its cut, shared out among workers, each of which replays the trace once.
pub(super) fn examine_all(recorded: &Recorded, mut outages: Vec<Outage>) -> Vec<String> {
    outages.sort_by_key(|outage| outage.cut);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let worker = |number: usize| {
            let mine: Vec<Outage> = outages
                .iter()
                .skip(number)
                .step_by(WORKERS)
                .copied()
                .collect();
            let done = &done;
            scope.spawn(move || replay_and_examine(recorded, &mine, done))
        };
        let workers: Vec<_> = (0..WORKERS).map(worker).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker reports what it finds"))
            .collect()
    })
}

impl Recorded {
    /// Anywhere; where a sync begins and all that it should settle is at stake; where one has ended or an acknowledgement is
    /// in, and all of that must be there.
    pub(super) fn weak_places(&self) -> [Vec<u64>; 4] {
        let trace = self.recording.trace();
        let places = |wanted: fn(&Operation<'_>) -> bool| {
            trace
                .records()
                .filter(|record| wanted(&record.operation))
                .map(|record| record.ends)
                .collect()
        };
        [
            places(|_| true),
            places(|operation| matches!(operation, Operation::SyncBegin { .. })),
            places(|operation| matches!(operation, Operation::SyncEnd { .. })),
            self.ledger.positions(),
        ]
    }
}

/// An outage for each seed, at a place of one of the sorts.
pub(super) fn outages(seeds: Range<u64>, sorts: &[Vec<u64>]) -> Vec<Outage> {
    let outage = |seed: u64| {
        let mut random = random(seed);
        let places = &sorts[random.random_range(0..sorts.len())];
        Outage {
            seed,
            cut: places[random.random_range(0..places.len())],
            survives: Survives::BySeed(random.random()),
        }
    };
    seeds.map(outage).collect()
}

fn replay_and_examine(recorded: &Recorded, outages: &[Outage], done: &AtomicUsize) -> Vec<String> {
    let trace = recorded.recording.trace();
    let mut records = trace.records().peekable();
    let mut disk = recorded.before.clone();
    let runtime = runtime();
    let mut failures = Vec::new();
    for outage in outages {
        while let Some(record) = records.next_if(|record| record.ends <= outage.cut) {
            disk.apply(&record);
        }
        let ledger = recorded.ledger.at(outage.cut);
        let image = disk.survive(&mut outage.fate());
        let found = if outage.seed % TWICE_EVERY == 0 {
            fail_again(&runtime, &image, ledger, outage.seed)
        } else {
            examine(&runtime, &image, ledger)
        };
        failures.extend(found.err().map(|found| format!("{outage:?}: {found}")));
        println!(
            "{} outages examined",
            done.fetch_add(1, Ordering::Relaxed) + 1
        );
    }
    failures
}

/// The power comes back, the server recovers and goes on under load, and the power fails once more.
fn fail_again(runtime: &Runtime, image: &Image, ledger: Ledger, seed: u64) -> Result<(), String> {
    let folder = memory::folder();
    let data = unpack(image, folder.path());
    let mut disk = Disk::durable(&data).expect("the folder can be read");
    let recording = Recording::of(&data, &folder.path().join("trace"))
        .expect("the first recording was possible");
    let server = Server::start(&data, Some(&recording))
        .map_err(|refusal| format!("the server does not start: {refusal:?}"))?;
    let mut load = Load::continuing(ledger, seed, 0.2, "again");
    runtime.block_on(under_load(&mut load, server, &recording, 40, Server::kill));
    let trace = recording.trace();
    let mut random: TestRng = random(!seed);
    let records: Vec<_> = trace.records().collect();
    let records = &records[..=random.random_range(0..records.len())];
    let cut = records.last().map_or(0, |record| record.ends);
    records.iter().for_each(|record| disk.apply(record));
    let image = disk.survive(&mut Fate::from_seed(random.random()));
    examine(runtime, &image, load.ledger().at(cut))
        .map_err(|found| format!("at the second outage, at {cut}: {found}"))
}
