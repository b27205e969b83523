//! Drop and resume: thousands of clients lose their connections at once, the threads go on without
//! them, they come back with their cursors, and each account is checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::follower::{Account, Follower};
use crate::http::Connection;
use crate::latency::median;
use crate::live::Buffers;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Target};

/// Threads that the clients share.
const THREADS: usize = 10;

/// Items of each thread: seen before the drop, written while the clients are gone, and written
/// while they come back.
const SEEN: u64 = 50;
const MISSED: u64 = 50;
const MEANWHILE: u64 = 20;

/// Handshakes under way at once: a client's retry spreads them in life.
const HANDSHAKES: usize = 256;

const GOAL: Duration = Duration::from_secs(5);

/// Measures 1,000 clients, with `--full` also 10,000.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let counts: &[usize] = bench.size.pick(&[100], &[1_000], &[1_000, 10_000]);
    let server = bench.server("resume").await?;
    let mut rows = Vec::new();
    for clients in counts {
        rows.push(measure_with(bench, server.target(), *clients).await?);
    }
    server.end(End::Graceful).await?;
    Ok(rows)
}

async fn measure_with(bench: &Bench, target: &Target, clients: usize) -> Result<Row> {
    let rounds = bench.size.pick(1, 3, 5);
    let mut seconds = Vec::new();
    let mut sum = Resumed::default();
    for round in 1..=rounds {
        bench
            .progress
            .say(&format!("{clients} clients, round {round} of {rounds}"));
        let resumed = drop_and_resume(target, clients).await?;
        seconds.push(resumed.elapsed.as_secs_f64());
        sum.gaps += resumed.gaps;
        sum.duplicates += resumed.duplicates;
        sum.breaks += resumed.breaks;
    }
    let Resumed {
        gaps,
        duplicates,
        breaks,
        ..
    } = sum;
    let elapsed = median(&seconds);
    let whole = gaps == 0 && duplicates == 0 && breaks == 0;
    let met = whole && elapsed < GOAL.as_secs_f64();
    let mut row = Row::of(
        format!("{clients} clients drop and resume"),
        Figure::Seconds(elapsed),
    )
    .held_against(Mark::new(Origin::Goal, "< 5 s, no gap, no duplicate", met))
    .remarking(format!(
        "{MISSED} items missed by each; {gaps} gaps, {duplicates} duplicates, {breaks} breaks"
    ));
    row.rounds = seconds;
    Ok(row)
}

/// What came of one round, over all clients.
#[derive(Debug, Default)]
struct Resumed {
    /// From the first reconnection until every client had every item.
    elapsed: Duration,
    gaps: u64,
    duplicates: u64,
    breaks: u64,
}

async fn drop_and_resume(target: &Target, clients: usize) -> Result<Resumed> {
    let threads = Connection::open(target)
        .await?
        .create_threads(THREADS)
        .await?;
    write(target, &threads, 0, SEEN).await?;
    let all: Vec<_> = threads.iter().cycle().take(clients).cloned().collect();
    let first = all
        .iter()
        .map(|thread| (thread.clone(), Account::default()))
        .collect();
    let accounts = follow(target, first, SEEN).await?;
    write(target, &threads, SEEN, MISSED).await?;
    let expected = SEEN + MISSED + MEANWHILE;
    let begun = Instant::now();
    let writing = write(target, &threads, SEEN + MISSED, MEANWHILE);
    let (written, accounts) = tokio::join!(writing, follow(target, accounts, expected));
    written?;
    let mut resumed = Resumed {
        elapsed: begun.elapsed(),
        ..Resumed::default()
    };
    for (_, account) in accounts? {
        resumed.gaps += account.gaps(expected);
        resumed.duplicates += account.duplicates;
        resumed.breaks += account.breaks;
    }
    Ok(resumed)
}

async fn write(target: &Target, threads: &[String], first_number: u64, items: u64) -> Result<()> {
    let until = Until::Sent(items * u64::try_from(threads.len())?);
    let load = Load {
        threads: threads.to_vec(),
        first_number,
        in_flight: 64,
        until,
    };
    pipeline::run_all(target, vec![load]).await?;
    Ok(())
}

/// Connects everybody, reads until each has `items` items, and drops every connection.
async fn follow(
    target: &Target,
    clients: Vec<(String, Account)>,
    items: u64,
) -> Result<Vec<(String, Account)>> {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    let mut following = JoinSet::new();
    for (thread, account) in clients {
        let (target, handshakes) = (target.clone(), handshakes.clone());
        following.spawn(async move {
            let permit = handshakes.acquire().await?;
            let follower = Follower::subscribe(&target, &thread, account, Buffers::Small).await;
            drop(permit);
            let mut follower = follower?;
            follower.read_until(items).await?;
            anyhow::Ok((thread, follower))
        });
    }
    let mut followers = Vec::with_capacity(following.len());
    while let Some(ended) = following.join_next().await {
        followers.push(ended.context("a client's task")??);
    }
    Ok(followers
        .into_iter()
        .map(|(thread, f)| (thread, f.disconnect()))
        .collect())
}
