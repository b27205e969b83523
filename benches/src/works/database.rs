//! What PostgreSQL reaches by itself: each number of connections, each form of a batch.

use anyhow::Result;

use crate::bench::Bench;
use crate::report::{Figure, Row};

/// The trials at the start of the run, as rows.
pub(crate) fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let sync = bench.sync_cost()?;
    let postgres = match &bench.postgres {
        Ok(postgres) => postgres,
        Err(unavailable) => {
            return Ok(vec![Row::without_figure(
                "PostgreSQL 15",
                unavailable.0.clone(),
            )]);
        }
    };
    let row = |trial: &crate::postgres::Trial| {
        let latencies = &trial.seen.latencies;
        let (p50, p99) = (Figure::time(latencies.p50()), Figure::time(latencies.p99()));
        Row::of(
            format!("PostgreSQL 15: {}", trial.name),
            Figure::PerSecond(trial.seen.rate()),
        )
        .remarking(format!(
            "a commit: p50 {p50}, p99 {p99}; F {}",
            Figure::time(sync)
        ))
    };
    Ok(postgres.trials.iter().map(row).collect())
}
