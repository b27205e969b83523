//! Appends at the committer: one writer in turns with F, 512 writers beside PostgreSQL.

use std::time::Instant;

use anyhow::Result;
use tokio::task::block_in_place;

use crate::bench::Bench;
use crate::closed::{self, Caller, Measured, Window};
use crate::in_process::log_committer::LogCommitter;
use crate::in_process::{Engines, on_all_cores};
use crate::latency::Latencies;
use crate::report::{Figure, Mark, Origin, Row};
use crate::turns::Turns;

/// Writers that wait for their own event each.
const WRITERS: usize = 512;

/// Measures both.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut rows = one_writer(bench)?;
    rows.extend(many_writers(bench).await?);
    Ok(rows)
}

fn one_writer(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut turns = Turns::default();
    let mut all = Latencies::new()?;
    for round in 1..=bench.size.rounds() {
        bench.progress.say(&format!(
            "1 writer, round {round} of {}",
            bench.size.rounds()
        ));
        let (ours, syncs) = append_and_sync_by_turns(bench, round)?;
        turns.push(ours.p50().as_secs_f64(), Some(syncs.p50().as_secs_f64()));
        all.merge(&ours)?;
    }
    let row = |mark| turns.row("append, 1 writer: p50", Figure::Seconds, "F", Some(mark));
    let remark = format!(
        "each append followed by one F; p99 {}",
        Figure::time(all.p99())
    );
    let first: fn(f64) -> Mark = |ratio| Mark::ratio_at_most(Origin::First, 2.0, ratio);
    let goal: fn(f64) -> Mark = |ratio| Mark::ratio_at_most(Origin::Goal, 1.3, ratio);
    Ok(vec![row(first).remarking(remark), row(goal)])
}

/// One append, one F, and again: the disk's moods change within a second, and so both see the same.
fn append_and_sync_by_turns(bench: &mut Bench, round: usize) -> Result<(Latencies, Latencies)> {
    let folder = bench.folder().join(format!("append-one-{round}"));
    let measured = bench.size.measured();
    let probe = bench.probe();
    on_all_cores(async move {
        let committer = LogCommitter::start(Engines::open(&folder)?)?;
        let mut appender = committer.appender(0);
        let (mut ours, mut syncs) = (Latencies::new()?, Latencies::new()?);
        let window = Window::of(measured);
        while Instant::now() < window.until {
            let begun = Instant::now();
            appender.call().await?;
            let answered = Instant::now();
            let sync = block_in_place(|| probe.time_once())?;
            if window.counts(answered) {
                ours.record(answered - begun);
                syncs.record(sync);
            }
        }
        committer.stop().await;
        Ok((ours, syncs))
    })
}

async fn many_writers(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut inserts = Turns::default();
    let mut batches = Turns::default();
    let mut all = Latencies::new()?;
    for round in 1..=bench.size.rounds() {
        let rounds = bench.size.rounds();
        bench
            .progress
            .say(&format!("{WRITERS} writers, round {round} of {rounds}"));
        let seen = append(bench, round)?;
        all.merge(&seen.latencies)?;
        inserts.push(seen.rate(), bench.inserts_each_second().await?);
        batches.push(seen.rate(), bench.batched_each_second().await?);
    }
    let work = format!("append, {WRITERS} writers");
    let ten: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::First, 10.0, ratio);
    let two: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::First, 2.0, ratio);
    let five: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::Goal, 5.0, ratio);
    let inserts = inserts.row(&work, Figure::PerSecond, &bench.inserts_name(), Some(ten));
    let batched = |mark| batches.row(&work, Figure::PerSecond, &bench.batches_name(), Some(mark));
    let (p50, p99) = (Figure::time(all.p50()), Figure::time(all.p99()));
    let remark = format!("p50 {p50}, p99 {p99}");
    Ok(vec![inserts.remarking(remark), batched(two), batched(five)])
}

fn append(bench: &Bench, round: usize) -> Result<Measured> {
    let folder = bench.folder().join(format!("append-many-{round}"));
    let measured = bench.size.measured();
    on_all_cores(async move {
        let committer = LogCommitter::start(Engines::open(&folder)?)?;
        let appenders = (0..WRITERS)
            .map(|number| committer.appender(number))
            .collect();
        let (seen, _) = closed::run(appenders, Window::of(measured)).await?;
        committer.stop().await;
        Ok(seen)
    })
}
