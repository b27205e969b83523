//! Message to subscriber: one item is posted over HTTP, and another connection has its frame.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use tokio::task::{JoinSet, block_in_place};

use crate::bench::Bench;
use crate::follower::{Account, Follower};
use crate::http::Connection;
use crate::latency::{Latencies, median};
use crate::live::Buffers;
use crate::open::Schedule;
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Target};
use crate::sync_cost::SyncProbe;

/// Messages a second, by schedule: a busy conversation, not a load.
const EACH_SECOND: f64 = 100.0;

/// Connections that post in turn, so that a slow answer does not delay the next message.
const POSTERS: usize = 16;

/// What may be added to F.
const FIRST_MARK_SECONDS: f64 = 0.002;
const GOAL_SECONDS: f64 = 0.001;

/// Measures it beside F.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let server = bench.server("delivery").await?;
    let rounds = bench.size.rounds();
    let messages = bench.size.pick(100, 400, 1_000);
    let mut over = Vec::new();
    let (mut ours, mut syncs) = (Latencies::new()?, Latencies::new()?);
    for round in 1..=rounds {
        bench.progress.say(&format!("round {round} of {rounds}"));
        let delivered = deliver(server.target(), bench.probe(), messages).await?;
        let Delivered {
            latencies,
            syncs: round_syncs,
        } = delivered;
        over.push(latencies.p50().as_secs_f64() - round_syncs.p50().as_secs_f64());
        ours.merge(&latencies)?;
        syncs.merge(&round_syncs)?;
    }
    server.end(End::Graceful).await?;
    let row = |origin, added| {
        let met = median(&over) <= added;
        Row::of("message to subscriber: p50", Figure::time(ours.p50()))
            .beside("F", Figure::time(syncs.p50()))
            .held_against(Mark::new(
                origin,
                format!("≤ F + {}", Figure::Seconds(added)),
                met,
            ))
    };
    let over = Figure::Seconds(median(&over));
    let p99 = Figure::time(ours.p99());
    let remark = format!("F + {over}, p99 {p99}; open loop, {EACH_SECOND} messages a second");
    Ok(vec![
        row(Origin::First, FIRST_MARK_SECONDS).remarking(remark),
        row(Origin::Goal, GOAL_SECONDS),
    ])
}

/// What came of one round.
struct Delivered {
    latencies: Latencies,
    /// F, measured halfway between each message and the next.
    syncs: Latencies,
}

/// Posts numbered items by schedule; latency is from the scheduled time to the subscriber's frame.
async fn deliver(target: &Target, probe: &mut SyncProbe, messages: u32) -> Result<Delivered> {
    let thread = Connection::open(target)
        .await?
        .create_thread("delivery")
        .await?;
    let account = Account::default();
    let follower = Follower::subscribe(target, &thread, account, Buffers::Large).await?;
    let mut connections = Vec::with_capacity(POSTERS);
    for _ in 0..POSTERS {
        connections.push(Connection::open(target).await?);
    }
    let schedule = Schedule::start(EACH_SECOND, messages)?;
    let reader = tokio::spawn(read_all(follower, schedule.clone(), messages));
    let mut posting = JoinSet::new();
    for connection in connections {
        posting.spawn(post_when_due(connection, thread.clone(), schedule.clone()));
    }
    let syncs = thread::scope(|scope| {
        let syncing = scope.spawn(|| sync_between(&schedule, probe, messages));
        block_in_place(|| syncing.join())
    });
    let syncs = syncs.map_err(|_| anyhow!("the sync probe panicked"))??;
    while let Some(ended) = posting.join_next().await {
        ended.context("a poster's task")??;
    }
    let latencies = reader.await.context("the subscriber's task")??;
    Ok(Delivered { latencies, syncs })
}

/// F halfway between messages: it sees the same disk and is in nobody's way.
fn sync_between(schedule: &Schedule, probe: &mut SyncProbe, messages: u32) -> Result<Latencies> {
    let mut syncs = Latencies::new()?;
    for number in 0..messages {
        let at = schedule.scheduled(number) + schedule.interval() / 2;
        thread::sleep(at.saturating_duration_since(Instant::now()));
        syncs.record(probe.time_once()?);
    }
    Ok(syncs)
}

async fn read_all(mut follower: Follower, schedule: Schedule, messages: u32) -> Result<Latencies> {
    let mut latencies = Latencies::new()?;
    while latencies.count() < u64::from(messages) {
        let number = follower.read_number().await?;
        latencies.record(schedule.scheduled(u32::try_from(number)?).elapsed());
    }
    Ok(latencies)
}

async fn post_when_due(
    mut connection: Connection,
    thread: String,
    schedule: Schedule,
) -> Result<()> {
    while let Some(arrival) = schedule.next().await {
        connection.post_item(&thread, arrival.number.into()).await?;
    }
    Ok(())
}
