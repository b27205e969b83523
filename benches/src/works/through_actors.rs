//! Items through thread actors with projection, in this process, 512 in flight.

use anyhow::Result;

use super::over_http::{IN_FLIGHT, THREADS};
use crate::bench::Bench;
use crate::closed::{self, Measured, Window};
use crate::in_process::thread_items::RunningNode;
use crate::in_process::{Engines, on_all_cores};
use crate::latency::Latencies;
use crate::report::{Figure, Mark, Origin, Row};
use crate::turns::Turns;

const GOAL_EACH_SECOND: f64 = 100_000.0;

/// Measures the closed loop.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut turns = Turns::default();
    let mut latencies = Latencies::new()?;
    let rounds = bench.size.rounds();
    for round in 1..=rounds {
        bench.progress.say(&format!("round {round} of {rounds}"));
        let seen = post(bench, round)?;
        latencies.merge(&seen.latencies)?;
        turns.push(seen.rate(), bench.inserts_each_second().await?);
    }
    let met = turns.ours() >= GOAL_EACH_SECOND;
    let (p50, p99) = (Figure::time(latencies.p50()), Figure::time(latencies.p99()));
    let work = format!("items through actors, {IN_FLIGHT} in flight");
    let row = turns.row(&work, Figure::PerSecond, &bench.inserts_name(), None);
    let goal = Mark::new(Origin::Goal, "≥ 100,000/s", met);
    Ok(vec![
        row.held_against(goal)
            .remarking(format!("in process, p50 {p50}, p99 {p99}")),
    ])
}

fn post(bench: &Bench, round: usize) -> Result<Measured> {
    let folder = bench.folder().join(format!("actors-{round}"));
    let measured = bench.size.measured();
    on_all_cores(async move {
        let node = RunningNode::start(Engines::open(&folder)?).await?;
        let threads = node.create_threads(THREADS).await?;
        let places = threads.iter().cycle().take(IN_FLIGHT).enumerate();
        let posters = places
            .map(|(place, thread)| node.poster(thread.clone(), place))
            .collect();
        let (seen, posters) = closed::run(posters, Window::of(measured)).await?;
        drop(posters);
        node.stop().await;
        Ok(seen)
    })
}
