//! Items over the wire by HTTP: 512 keep-alive connections with one request each on its way, as
//! applications' servers do it; then by schedule at half that rate, for latencies under load.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::bench::Bench;
use crate::closed::{self, Window};
use crate::http::{Connection, ItemPoster};
use crate::latency::Latencies;
use crate::open::Schedule;
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Target};
use crate::turns::Turns;

/// Requests in flight.
pub(crate) const IN_FLIGHT: usize = 512;

/// Threads that the items go to.
pub(crate) const THREADS: usize = 64;

/// Measures the closed and the open loop.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let server = bench.server("over-http").await?;
    let target = server.target().clone();
    let threads = Connection::open(&target)
        .await?
        .create_threads(THREADS)
        .await?;
    let mut posters = Vec::with_capacity(IN_FLIGHT);
    for thread in threads.iter().cycle().take(IN_FLIGHT) {
        posters.push(ItemPoster::open(&target, thread.clone()).await?);
    }
    let mut turns = Turns::default();
    let mut latencies = Latencies::new()?;
    for round in 1..=bench.size.rounds() {
        bench
            .progress
            .say(&format!("round {round} of {}", bench.size.rounds()));
        let (seen, returned) = closed::run(posters, Window::of(bench.size.measured())).await?;
        posters = returned;
        latencies.merge(&seen.latencies)?;
        turns.push(seen.rate(), bench.inserts_each_second().await?);
    }
    drop(posters);
    let closed = closed_row(bench, &turns, &latencies);
    let rate = turns.ours() / 2.0;
    let open = open_row(bench, &target, &threads, rate).await?;
    server.end(End::Graceful).await?;
    Ok(vec![closed, open])
}

fn closed_row(bench: &Bench, turns: &Turns, latencies: &Latencies) -> Row {
    let mark: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::First, 2.0, ratio);
    let (p50, p99) = (Figure::time(latencies.p50()), Figure::time(latencies.p99()));
    turns
        .row(
            "items over HTTP, 512 in flight",
            Figure::PerSecond,
            &bench.inserts_name(),
            Some(mark),
        )
        .remarking(format!("p50 {p50}, p99 {p99}"))
}

async fn open_row(
    bench: &mut Bench,
    target: &Target,
    threads: &[String],
    rate: f64,
) -> Result<Row> {
    bench
        .progress
        .say(&format!("by schedule, {}", Figure::PerSecond(rate)));
    let before = bench.sync_cost()?;
    let latencies = by_schedule(target, threads, rate, bench.size.measured().as_secs_f64()).await?;
    let after = bench.sync_cost()?;
    let sync = Figure::time((before + after) / 2);
    let p99 = Figure::time(latencies.p99());
    Ok(Row::of(
        "items over HTTP by schedule: p50",
        Figure::time(latencies.p50()),
    )
    .beside("F", sync)
    .remarking(format!(
        "open loop at {}, p99 {p99}",
        Figure::PerSecond(rate)
    )))
}

/// Posts items at `rate` a second for `seconds`; latency counts from the scheduled time.
async fn by_schedule(
    target: &Target,
    threads: &[String],
    rate: f64,
    seconds: f64,
) -> Result<Latencies> {
    let mut connections = Vec::with_capacity(IN_FLIGHT);
    for thread in threads.iter().cycle().take(IN_FLIGHT) {
        connections.push((Connection::open(target).await?, thread.clone()));
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some thousands"
    )]
    let schedule = Schedule::start(rate, (rate * seconds).ceil() as u32)?;
    let mut tasks = JoinSet::new();
    for (connection, thread) in connections {
        tasks.spawn(post_when_due(connection, thread, schedule.clone()));
    }
    let mut all = Latencies::new()?;
    while let Some(ended) = tasks.join_next().await {
        let latencies = ended.context("a poster's task")??;
        latencies
            .into_iter()
            .for_each(|latency| all.record(latency));
    }
    Ok(all)
}

async fn post_when_due(
    mut connection: Connection,
    thread: String,
    schedule: Schedule,
) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    while let Some(arrival) = schedule.next().await {
        connection.post_item(&thread, arrival.number.into()).await?;
        latencies.push(arrival.scheduled.elapsed());
    }
    Ok(latencies)
}
