//! A list of threads as it was 50,000 events ago: at the edge of what the server puts together again,
//! and one thread beyond it, where it must say so.

use std::time::Instant;

use anyhow::{Context, Result};
use hyper::StatusCode;

use crate::bench::Bench;
use crate::http::{self, Connection};
use crate::latency::Latencies;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Target};

/// Changed threads that the server puts together for one list, at most (`docs/http.md`).
const MOST_CHANGED: usize = 500;

/// Events between the moment and now, at most.
const EVENTS: u64 = 50_000;

const MARK_SECONDS: f64 = 0.1;

/// Measures lists with few and with as many changed threads as there may be.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let threads = bench.size.pick(1_000, 20_000, 20_000);
    let asked = bench.size.pick(10, 200, 500);
    let server = bench.server("past").await?;
    bench.progress.say(&format!("making {threads} threads"));
    let all = http::create_threads(server.target(), threads).await?;
    let mut rows = Vec::new();
    for changed in [MOST_CHANGED / 10, MOST_CHANGED / 2, MOST_CHANGED] {
        bench
            .progress
            .say(&format!("{EVENTS} events in {changed} threads"));
        let moment = change(server.target(), &all, changed).await?;
        let latencies = list(server.target(), moment, asked).await?;
        let (p50, p99) = (latencies.p50(), latencies.p99());
        let work = format!("list of {threads} threads {EVENTS} events ago, {changed} changed: p99");
        let met = p99.as_secs_f64() < MARK_SECONDS;
        let mark = Mark::new(Origin::First, "< 100 ms, or 422", met);
        rows.push(
            Row::of(work, Figure::time(p99))
                .held_against(mark)
                .remarking(format!("p50 {}, {asked} requests", Figure::time(p50))),
        );
        if changed == MOST_CHANGED {
            must_be_refused_beyond(server.target(), &all, moment).await?;
        }
    }
    server.end(End::Graceful).await?;
    Ok(rows)
}

/// The threads that change lie far apart among all.
fn changing(all: &[String], changed: usize) -> impl Iterator<Item = &String> {
    all.iter()
        .step_by((all.len() / changed).max(1))
        .take(changed)
}

/// Posts into some threads and renames each of them; one event less than there may be. Answers with
/// the moment before.
async fn change(target: &Target, all: &[String], changed: usize) -> Result<u64> {
    let threads: Vec<String> = changing(all, changed).cloned().collect();
    let mut connection = Connection::open(target).await?;
    let first = threads.first().context("a thread")?;
    connection.list_items(first).await?;
    let moment = connection.offset()?;
    for thread in &threads {
        connection.rename_thread(thread, "renamed").await?;
    }
    let items = EVENTS - 1 - u64::try_from(threads.len())?;
    let load = Load {
        threads,
        first_number: 0,
        in_flight: 64,
        until: Until::Sent(items),
    };
    pipeline::run_all(target, vec![load]).await?;
    Ok(moment)
}

async fn list(target: &Target, moment: u64, requests: usize) -> Result<Latencies> {
    let mut connection = Connection::open(target).await?;
    let mut latencies = Latencies::new()?;
    for _ in 0..requests {
        let begun = Instant::now();
        connection.list_threads_at(moment, StatusCode::OK).await?;
        latencies.record(begun.elapsed());
    }
    Ok(latencies)
}

/// One thread more, and there is no slow answer but none.
async fn must_be_refused_beyond(target: &Target, all: &[String], moment: u64) -> Result<()> {
    let step = (all.len() / MOST_CHANGED).max(1);
    let unchanged = all
        .get(1)
        .filter(|_| step > 1)
        .context("an unchanged thread")?;
    let mut connection = Connection::open(target).await?;
    connection.rename_thread(unchanged, "renamed").await?;
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    connection.list_threads_at(moment, refused).await
}
