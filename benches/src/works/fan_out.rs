//! One thread to many subscribers, beside W: a bare loop that writes the very same frames to as
//! many sockets, with the same readers. W is the better of two: a call for each frame, and a call for
//! as many frames as can be due to a socket at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::bare_loop;
use crate::bench::Bench;
use crate::follower::{Account, Follower};
use crate::http::Connection;
use crate::latency::median;
use crate::live::Buffers;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Target};
use crate::turns::Turns;

/// Posts in flight while the subscribers follow.
const IN_FLIGHT: usize = 64;

/// Measures the fan-out to 1,000 subscribers, with `--full` also to 10,000.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let counts: &[usize] = bench.size.pick(&[100], &[1_000], &[1_000, 10_000]);
    let server = bench.server("fan-out").await?;
    let mut rows = Vec::new();
    for subscribers in counts {
        rows.extend(measure_with(bench, server.target(), *subscribers).await?);
    }
    server.end(End::Graceful).await?;
    Ok(rows)
}

async fn measure_with(bench: &mut Bench, target: &Target, subscribers: usize) -> Result<Vec<Row>> {
    let items = bench.size.pick(20_000, 1_000_000, 2_000_000) / u64::try_from(subscribers)?.max(1);
    let mut turns = Turns::default();
    let (mut one_by_one, mut together) = (Vec::new(), Vec::new());
    let mut breaks = 0;
    for round in 1..=bench.size.rounds() {
        let rounds = bench.size.rounds();
        bench.progress.say(&format!(
            "{subscribers} subscribers, round {round} of {rounds}"
        ));
        let ours = fan_out(target, subscribers, items).await?;
        breaks += ours.breaks;
        let rate = |elapsed| each_second(subscribers, items, elapsed);
        let single = rate(bare_loop::run(&ours.frames, subscribers, 1).await?)?;
        let gathered = rate(bare_loop::run(&ours.frames, subscribers, IN_FLIGHT).await?)?;
        turns.push(rate(ours.elapsed)?, Some(single.max(gathered)));
        one_by_one.push(single);
        together.push(gathered);
    }
    let work = format!("frames of one thread to {subscribers} subscribers");
    let first: fn(f64) -> Mark = |ratio| Mark::new(Origin::First, "≥ 60 % of W", ratio >= 0.6);
    let goal: fn(f64) -> Mark = |ratio| Mark::new(Origin::Goal, "≥ 90 % of W", ratio >= 0.9);
    let remark = format!(
        "{items} items a round, {IN_FLIGHT} posts in flight, {breaks} breaks; W is the better of {} \
         frame by frame and {} with {IN_FLIGHT} frames a call",
        Figure::PerSecond(median(&one_by_one)),
        Figure::PerSecond(median(&together))
    );
    let row = |mark| {
        turns
            .row(&work, Figure::PerSecond, "W", Some(mark))
            .remarking(remark.clone())
    };
    Ok(vec![row(first), row(goal)])
}

#[allow(clippy::cast_precision_loss, reason = "some millions of frames")]
fn each_second(subscribers: usize, items: u64, elapsed: Duration) -> Result<f64> {
    let frames = u64::try_from(subscribers)? * items;
    Ok(frames as f64 / elapsed.as_secs_f64())
}

/// What came of one round.
struct FanOut {
    /// From the first post until every subscriber had every item.
    elapsed: Duration,
    /// The frames that one subscriber read, for the bare loop.
    frames: Vec<String>,
    breaks: u64,
}

async fn fan_out(target: &Target, subscribers: usize, items: u64) -> Result<FanOut> {
    let thread = Connection::open(target)
        .await?
        .create_thread("fan-out")
        .await?;
    let mut followers = Vec::with_capacity(subscribers);
    for _ in 0..subscribers {
        let account = Account::default();
        followers.push(Follower::subscribe(target, &thread, account, Buffers::Small).await?);
    }
    let mut recorder = followers.pop().context("no subscribers")?;
    let begun = Instant::now();
    let mut reading = JoinSet::new();
    for mut follower in followers {
        reading.spawn(async move {
            follower.read_until(items).await?;
            anyhow::Ok(follower)
        });
    }
    let recording = tokio::spawn(async move { recorder.read_keeping(items).await });
    let load = Load {
        threads: vec![thread],
        first_number: 0,
        in_flight: IN_FLIGHT,
        until: Until::Sent(items),
    };
    pipeline::run_all(target, vec![load]).await?;
    let mut breaks = 0;
    while let Some(ended) = reading.join_next().await {
        let follower = ended.context("a subscriber's task")??;
        breaks += follower.account().breaks + follower.account().duplicates;
    }
    let frames = recording
        .await
        .context("the recording subscriber's task")??;
    Ok(FanOut {
        elapsed: begun.elapsed(),
        frames,
        breaks,
    })
}
