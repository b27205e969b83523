//! Stalled subscribers: they stop reading while frames pass, must cost the server no memory, and
//! catch up when they read again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::follower::{Account, Follower};
use crate::http::Connection;
use crate::latency::median;
use crate::live::Buffers;
use crate::losses::Losses;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Server, Target};

/// Subscribers that stall.
const STALLED: usize = 100;

/// What the kernel may keep for each of them on this side.
const RECEIVE_BUFFER_BYTES: u32 = 16 << 10;

/// How much memory they may cost in all.
const MARK_BYTES: f64 = 10e6;

/// How often it is looked whether all is done, and the server's memory is read then.
const READING_EVERY: Duration = Duration::from_millis(200);

/// The server gives up sockets that send nothing for a minute; these stall, but live.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);

/// Readings at the end of a run, of which the median counts.
const READINGS: usize = 15;

/// Runs the same load without and with stalled subscribers, by turns, each on a new server. One run's
/// memory differs from the next by more than the mark, so the median of the pairs' differences counts.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let frames = bench.size.pick(5_000, 500_000, 500_000);
    let pairs = bench.size.pick(1, 3, 5);
    let (mut without, mut with, mut more) = (Vec::new(), Vec::new(), Vec::new());
    let mut caught_up = None;
    for pair in 1..=pairs {
        let of = format!("{frames} frames pass, pair {pair} of {pairs}");
        bench.progress.say(&format!("{of}: nobody stalls"));
        let quiet = run(bench, &format!("stalled-none-{pair}"), 0, frames).await?;
        quiet.server.end(End::Graceful).await?;
        bench
            .progress
            .say(&format!("{of}: {STALLED} subscribers stall"));
        let stalled = run(bench, &format!("stalled-{pair}"), STALLED, frames).await?;
        without.push(quiet.end_bytes);
        with.push(stalled.end_bytes);
        more.push(stalled.end_bytes - quiet.end_bytes);
        if pair == pairs {
            bench.progress.say("they read on");
            let target = stalled.server.target();
            let reading = catch_up(target, &stalled.thread, stalled.followers, frames);
            caught_up = Some(reading.await?);
        }
        stalled.server.end(End::Graceful).await?;
    }
    let work = format!("memory with {STALLED} stalled subscribers");
    let met = median(&more) <= MARK_BYTES;
    let mut memory = Row::of(work, bytes(median(&with)))
        .beside("without them", bytes(median(&without)))
        .held_against(Mark::new(Origin::First, "≤ + 10 MB", met))
        .remarking(format!(
            "{frames} frames, {pairs} pairs: they cost {}; without them the runs differ by up to {}",
            spread(&more),
            bytes(most(&without) - least(&without))
        ));
    memory.rounds = more;
    Ok([memory].into_iter().chain(caught_up).collect())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes"
)]
fn bytes(number: f64) -> Figure {
    Figure::Bytes(number as u64)
}

fn spread(differences: &[f64]) -> String {
    let megabytes = |bytes: f64| format!("{:+.1}", bytes / 1e6);
    format!(
        "{} MB in the median, {} to {}",
        megabytes(median(differences)),
        megabytes(least(differences)),
        megabytes(most(differences))
    )
}

fn least(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// A server whose frames have passed, and whoever stalled meanwhile.
struct Passed {
    server: Server,
    thread: String,
    followers: Vec<Follower>,
    /// The server's memory.
    end_bytes: f64,
}

async fn run(bench: &Bench, data: &str, stalled: usize, frames: u64) -> Result<Passed> {
    let server = bench.server(data).await?;
    let target = server.target().clone();
    let thread = Connection::open(&target)
        .await?
        .create_thread("stalled")
        .await?;
    let mut followers = Vec::with_capacity(stalled);
    for _ in 0..stalled {
        let buffers = Buffers::Kernel(RECEIVE_BUFFER_BYTES);
        followers.push(Follower::subscribe(&target, &thread, Account::default(), buffers).await?);
    }
    let mut reader =
        Follower::subscribe(&target, &thread, Account::default(), Buffers::Large).await?;
    let reading = tokio::spawn(async move { reader.read_until(frames).await });
    let load = Load {
        threads: vec![thread.clone()],
        first_number: 0,
        in_flight: 128,
        until: Until::Sent(frames),
    };
    let writing = tokio::spawn({
        let target = target.clone();
        async move { pipeline::run_all(&target, vec![load]).await }
    });
    let mut alive_at = Instant::now();
    while !(writing.is_finished() && reading.is_finished()) {
        tokio::time::sleep(READING_EVERY).await;
        if alive_at.elapsed() > SIGN_OF_LIFE_EVERY {
            keep_alive(&mut followers).await;
            alive_at = Instant::now();
        }
    }
    writing.await.context("the writer's task")??;
    reading.await.context("the reader's task")??;
    let end_bytes = settled_bytes(&server).await?;
    Ok(Passed {
        server,
        thread,
        followers,
        end_bytes,
    })
}

/// A socket that was given up nevertheless is found when it reads on.
async fn keep_alive(followers: &mut [Follower]) {
    for follower in followers {
        follower.keep_alive().await.ok();
    }
}

/// The median of some readings while nothing is written.
async fn settled_bytes(server: &Server) -> Result<f64> {
    let mut readings = Vec::with_capacity(READINGS);
    for _ in 0..READINGS {
        readings.push(Figure::Bytes(server.resident_bytes()?).number());
        tokio::time::sleep(READING_EVERY).await;
    }
    Ok(median(&readings))
}

/// Lets them read on; those whose connection the server gave up come back with their cursor.
async fn catch_up(
    target: &Target,
    thread: &str,
    followers: Vec<Follower>,
    frames: u64,
) -> Result<Row> {
    let begun = Instant::now();
    let stalled = followers.len();
    let mut reading = JoinSet::new();
    for follower in followers {
        let (target, thread) = (target.clone(), thread.to_owned());
        reading.spawn(async move { read_on(follower, &target, &thread, frames).await });
    }
    let (mut losses, mut returns) = (Losses::default(), 0);
    while let Some(ended) = reading.join_next().await {
        let (account, returned) = ended.context("a subscriber's task")??;
        losses.add(&account, frames);
        returns += u64::from(returned);
    }
    losses.must_be_none()?;
    let work = format!("{stalled} of the stalled catch up, {frames} frames each");
    Ok(Row::of(work, Figure::time(begun.elapsed()))
        .held_against(Mark::new(Origin::First, "no gap, no duplicate", true))
        .remarking(format!("{losses}; {returns} had to reconnect")))
}

async fn read_on(
    mut follower: Follower,
    target: &Target,
    thread: &str,
    frames: u64,
) -> Result<(Account, bool)> {
    if follower.read_until(frames).await.is_ok() {
        return Ok((follower.disconnect(), false));
    }
    let account = follower.disconnect();
    let mut follower = Follower::subscribe(target, thread, account, Buffers::Small).await?;
    follower.read_until(frames).await?;
    Ok((follower.disconnect(), true))
}
