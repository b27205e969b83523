//! Replay: everything from the first event on, over HTTP, over a socket, and in this process without
//! a wire, beside a sequential read of the very same files. All begin with nothing of them in memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::SinkExt;
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::task::block_in_place;

use crate::bench::Bench;
use crate::follower::Account;
use crate::http::Connection;
use crate::in_process::log_reader;
use crate::item;
use crate::latency::median;
use crate::live::{self, Buffers, Frame, From, Kind, Resource};
use crate::losses::Losses;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::sequential_read;
use crate::server::{End, Target};
use crate::turns::Turns;

/// Threads of the log.
const THREADS: usize = 64;

/// The folder of its server.
const DATA: &str = "replay";

/// A log that is there to be read.
struct Written {
    items: u64,
    files: Vec<PathBuf>,
}

/// Measures each way to read it, in turns with the sequential read.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let items = bench.size.pick(9_600, 320_000, 960_000);
    bench
        .progress
        .say(&format!("filling a log with {items} items"));
    let server = bench.server(DATA).await?;
    fill(server.target(), items).await?;
    let data = bench.folder().join(DATA);
    let files = sequential_read::segments(&data.join("log"))?;
    let log = Written { items, files };
    let target = server.target();
    let mut rows = vec![
        in_turns(bench, &log, "GET /v1/log as JSON lines", async || {
            read_lines(target).await
        })
        .await?,
        in_turns(bench, &log, "a live subscription", async || {
            follow(target).await
        })
        .await?,
    ];
    server.end(End::Graceful).await?;
    let reader = log_reader::open(&data)?;
    rows.push(
        in_turns(bench, &log, "in process, without a wire", async || {
            log_reader::read_all(&reader)
        })
        .await?,
    );
    Ok(rows)
}

async fn in_turns(
    bench: &Bench,
    log: &Written,
    how: &str,
    replay: impl AsyncFn() -> Result<Account>,
) -> Result<Row> {
    let Written { items, files } = log;
    let (mut turns, mut losses, mut bytes) = (Turns::default(), Losses::default(), 0);
    let (mut rates, rounds) = (Vec::new(), bench.size.pick(1, 3, 5));
    for round in 1..=rounds {
        bench
            .progress
            .say(&format!("{how}, round {round} of {rounds}"));
        let sequential = block_in_place(|| sequential_read::read(files))?;
        bytes = sequential.bytes;
        sequential_read::forget(files)?;
        let begun = Instant::now();
        let account = replay().await?;
        let elapsed = begun.elapsed();
        losses.add(&account, *items);
        rates.push(each_second(*items, elapsed));
        turns.push(
            each_second(bytes, elapsed),
            Some(each_second(bytes, sequential.elapsed)),
        );
    }
    losses.must_be_none()?;
    let work = format!("replay of {items} items: {how}");
    let goal: fn(f64) -> Mark = |ratio| Mark::new(Origin::Goal, "≥ 70 %", ratio >= 0.7);
    let beside = "a sequential read of the same files";
    let row = turns.row(&work, Figure::BytesPerSecond, beside, Some(goal));
    Ok(row.remarking(format!(
        "{losses}; {} of log, {} items",
        Figure::Bytes(bytes),
        Figure::PerSecond(median(&rates))
    )))
}

/// Fills the log; numbers run through all threads, so that one account counts them all.
async fn fill(target: &Target, items: u64) -> Result<()> {
    let mut connection = Connection::open(target).await?;
    let threads = connection.create_threads(THREADS).await?;
    let of_thread = items / THREADS as u64;
    let loads = threads.into_iter().zip(0..).map(|(thread, place)| Load {
        threads: vec![thread],
        first_number: place * of_thread,
        in_flight: 8,
        until: Until::Sent(of_thread),
    });
    pipeline::run_all(target, loads.collect()).await?;
    Ok(())
}

/// What is read of a line.
#[derive(Deserialize)]
struct Line {
    offset: u64,
}

/// Every event of the project as a line: none may be missing between two offsets either.
async fn read_lines(target: &Target) -> Result<Account> {
    let mut body = Connection::open(target).await?.log_lines().await?;
    let (mut account, mut last, mut rest) = (Account::default(), 0, Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame?.into_data() else {
            continue;
        };
        rest.extend_from_slice(&bytes);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        let later = rest.split_off(end + 1);
        let lines = std::str::from_utf8(&rest)?;
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let Line { offset } =
                serde_json::from_str(line).with_context(|| format!("after offset {last}"))?;
            account.breaks += u64::from(offset != last + 1);
            last = offset;
            if let Some(number) = item::number_in(line) {
                account.count(number);
            }
        }
        rest = later;
    }
    ensure!(rest.is_empty(), "the log ended in the middle of a line");
    Ok(account)
}

/// Every item of the project on one socket, until the past has ended.
async fn follow(target: &Target) -> Result<Account> {
    let mut socket = live::connect(target, Buffers::Large).await?;
    let all = live::subscription("all", Resource::AllItems, From::Start);
    socket.send(all).await.context("subscribing")?;
    let mut account = Account::default();
    loop {
        let text = live::next_text(&mut socket).await?;
        let frame = Frame::parse(&text)?;
        account.enter(&frame);
        if frame.kind == Kind::CaughtUp {
            return Ok(account);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "some gigabytes")]
fn each_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}
