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
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Server, Target};

/// Subscribers that stall.
const STALLED: usize = 100;

/// What the kernel may keep for each of them on this side.
const RECEIVE_BUFFER_BYTES: u32 = 16 << 10;

/// How much memory they may cost in all.
const MARK_BYTES: f64 = 10e6;

/// The server's memory is read as often as this.
const READING_EVERY: Duration = Duration::from_millis(200);

/// The server gives up sockets that send nothing for a minute; these stall, but live.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);

/// Readings at the end of a run, of which the median counts.
const READINGS: usize = 15;

/// Runs the same load without and with stalled subscribers, each on a new server.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let frames = bench.size.pick(5_000, 500_000, 500_000);
    bench
        .progress
        .say(&format!("{frames} frames pass, nobody stalls"));
    let without = run(bench, "stalled-none", 0, frames).await?;
    bench.progress.say(&format!(
        "{frames} frames pass, {STALLED} subscribers stall"
    ));
    let with = run(bench, "stalled", STALLED, frames).await?;
    let more = Figure::Bytes(without.end_bytes).number() + MARK_BYTES;
    let met = Figure::Bytes(with.end_bytes).number() <= more;
    let remark = format!(
        "{frames} frames; highest {} and {}",
        Figure::Bytes(with.highest_bytes),
        Figure::Bytes(without.highest_bytes)
    );
    let work = format!("memory with {STALLED} stalled subscribers");
    let memory = Row::of(work, Figure::Bytes(with.end_bytes))
        .beside("without them", Figure::Bytes(without.end_bytes))
        .held_against(Mark::new(Origin::First, "≤ + 10 MB", met))
        .remarking(remark);
    Ok(vec![memory, with.caught_up])
}

/// What one run saw.
struct Seen {
    end_bytes: u64,
    highest_bytes: u64,
    caught_up: Row,
}

async fn run(bench: &Bench, data: &str, stalled: usize, frames: u64) -> Result<Seen> {
    let catching_up = bench.size.pick(STALLED, 10, STALLED);
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
    let mut highest_bytes = 0;
    let mut alive_at = Instant::now();
    while !(writing.is_finished() && reading.is_finished()) {
        highest_bytes = highest_bytes.max(server.resident_bytes()?);
        tokio::time::sleep(READING_EVERY).await;
        if alive_at.elapsed() > SIGN_OF_LIFE_EVERY {
            keep_alive(&mut followers).await;
            alive_at = Instant::now();
        }
    }
    writing.await.context("the writer's task")??;
    reading.await.context("the reader's task")??;
    let end_bytes = settled_bytes(&server).await?;
    let highest_bytes = highest_bytes.max(end_bytes);
    bench.progress.say("they read on");
    followers.truncate(catching_up);
    let caught_up = catch_up(&target, &thread, followers, frames).await?;
    server.end(End::Graceful).await?;
    Ok(Seen {
        end_bytes,
        highest_bytes,
        caught_up,
    })
}

/// A socket that was given up nevertheless is found when it reads on.
async fn keep_alive(followers: &mut [Follower]) {
    for follower in followers {
        follower.keep_alive().await.ok();
    }
}

/// The median of some readings while nothing is written.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of bytes"
)]
async fn settled_bytes(server: &Server) -> Result<u64> {
    let mut readings = Vec::with_capacity(READINGS);
    for _ in 0..READINGS {
        readings.push(Figure::Bytes(server.resident_bytes()?).number());
        tokio::time::sleep(READING_EVERY).await;
    }
    Ok(median(&readings) as u64)
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
    let (mut gaps, mut duplicates, mut breaks, mut returns) = (0, 0, 0, 0);
    while let Some(ended) = reading.join_next().await {
        let (account, returned) = ended.context("a subscriber's task")??;
        gaps += account.gaps(frames);
        duplicates += account.duplicates;
        breaks += account.breaks;
        returns += u64::from(returned);
    }
    let whole = gaps == 0 && duplicates == 0 && breaks == 0;
    let work = format!("{stalled} of the stalled catch up, {frames} frames each");
    Ok(Row::of(work, Figure::time(begun.elapsed()))
        .held_against(Mark::new(Origin::First, "no gap, no duplicate", whole))
        .remarking(format!(
            "{gaps} gaps, {duplicates} duplicates, {breaks} breaks; {returns} had to reconnect"
        )))
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
