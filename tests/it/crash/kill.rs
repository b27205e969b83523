//! Kills with -9 under load, again and again on one data folder.

use std::time::Duration;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;
use tokio::runtime::Runtime;

use super::agreement::{disagreements, lists};
use super::client::Client;
use super::fate::random;
use super::load::Load;
use super::recording::TraceLength;
use super::server::{Server, dump, verify};
use super::settings;

/// How often the folder, as the kill left it, is dumped whole and held against the ledger: after each of so many cycles,
/// and no more than so many times, since each dump is as long as all the cycles before it.
const CHECK_EVERY: u64 = 10;
const MOST_CHECKS: u64 = 20;

#[test]
fn kill_cycles() {
    let cycles = settings::number("EVERLOG_KILL_CYCLES", 100);
    let check_every = CHECK_EVERY.max(cycles / MOST_CHECKS);
    let seed = settings::seed("EVERLOG_KILL_SEED");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let runtime = Runtime::new().expect("a runtime");
    let mut random = random(seed);
    let mut load = Load::new(seed, 0.1);
    let mut project = String::new();
    for cycle in 1..=cycles {
        if cycle % 5 == 0 {
            Server::start_and_kill_within(
                &data,
                Duration::from_micros(random.random_range(0..400_000)),
            );
        }
        let server = start(&data);
        project.clone_from(&server.announcement.project);
        runtime.block_on(one_life(&mut load, server, &mut random));
        if cycle % check_every == 0 {
            let log = dump(&data, &project)
                .unwrap_or_else(|refusal| panic!("after cycle {cycle}: {refusal:?}"));
            assert_eq!(load.ledger().check(&log), [], "after cycle {cycle}");
        }
    }
    let server = start(&data);
    let client = Client::new(&server.announcement);
    let lists = runtime.block_on(async {
        load.settle(&client).await;
        lists(&client).await.expect("a living server lists")
    });
    server.stop();
    let ledger = load.ledger();
    assert_eq!(
        ledger.open_writes(),
        0,
        "everything was acknowledged in the end"
    );
    let log = dump(&data, &project).expect("the log of a stopped server can be dumped");
    assert_eq!(disagreements(&ledger, &log, &lists), Vec::<String>::new());
    verify(&data).expect("the folder is sound");
    println!(
        "{cycles} kills, {} acknowledged writes, 0 lost, 0 twice",
        ledger.acknowledged()
    );
}

fn start(data: &std::path::Path) -> Server {
    Server::start(data, None)
        .unwrap_or_else(|refusal| panic!("a killed server starts again: {refusal:?}"))
}

async fn one_life(load: &mut Load, server: Server, random: &mut TestRng) {
    let client = Client::new(&server.announcement);
    let more = random.random_range(0..60);
    let moment = Duration::from_micros(random.random_range(0..4_000));
    load.run(&client, &TraceLength::unrecorded(), more, || async move {
        // not to wait for anything, but to hit another instruction each time
        tokio::time::sleep(moment).await;
        server.kill();
    })
    .await;
}
