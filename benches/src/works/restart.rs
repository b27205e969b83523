//! Restart: from the start of the process until a thread's items were read, with a small log and
//! with a large one, after an orderly stop and after a kill in the middle of writing: what the killed
//! server wrote is what the next one has to find, check and project.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::Bench;
use crate::http::Connection;
use crate::latency::median;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Server};

/// Threads of each log.
const THREADS: usize = 64;

/// Sockets that fill a log.
const SOCKETS: usize = 8;

/// Items that a server takes before it is killed.
const ITEMS_OF_A_LIFE: u64 = 10_000;

/// How long it goes on being written to until then.
const STILL_WRITING: Duration = Duration::from_millis(200);

const GOAL: Duration = Duration::from_secs(2);

/// A data folder, filled.
struct Filled {
    data: &'static str,
    threads: Vec<String>,
    server: Server,
}

/// Restarts both, by turns.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let items = bench.size.pick(20_000, 300_000, 2_000_000);
    let mut small = fill(bench, "restart-small", 1_000).await?;
    let mut large = fill(bench, "restart-large", items).await?;
    let mut rows = Vec::new();
    for (how, named) in [
        (End::Graceful, "after a stop"),
        (End::Killed, "after kill -9"),
    ] {
        let (mut ours, mut beside) = (Vec::new(), Vec::new());
        for round in 1..=bench.size.pick(1, 3, 5) {
            bench
                .progress
                .say(&format!("restart {named}, round {round}"));
            let (again, seconds) = restart(bench, small, how).await?;
            small = again;
            beside.push(seconds);
            let (again, seconds) = restart(bench, large, how).await?;
            large = again;
            ours.push(seconds);
        }
        let elapsed = median(&ours);
        let met = elapsed < GOAL.as_secs_f64();
        let work = format!("restart {named}, {items} items");
        let mut row = Row::of(work, Figure::Seconds(elapsed))
            .beside("1,000 items", Figure::Seconds(median(&beside)))
            .held_against(Mark::new(Origin::Goal, "< 2 s", met))
            .remarking(remark(how));
        row.rounds = ours;
        rows.push(row);
    }
    small.server.end(End::Graceful).await?;
    large.server.end(End::Graceful).await?;
    Ok(rows)
}

fn remark(how: End) -> String {
    let read = "until a thread's items were read";
    match how {
        End::Graceful => read.to_owned(),
        End::Killed => format!(
            "{read}; each server was killed while it took items, after {ITEMS_OF_A_LIFE} of its own"
        ),
    }
}

async fn fill(bench: &Bench, data: &'static str, items: u64) -> Result<Filled> {
    bench
        .progress
        .say(&format!("filling a log with {items} items"));
    let server = bench.server(data).await?;
    let mut connection = Connection::open(server.target()).await?;
    let threads = connection.create_threads(THREADS).await?;
    pipeline::run_all(server.target(), loads(&threads, items)).await?;
    Ok(Filled {
        data,
        threads,
        server,
    })
}

/// So many items, dealt out to the sockets.
fn loads(threads: &[String], items: u64) -> Vec<Load> {
    let load = |threads: &[String]| Load {
        threads: threads.to_vec(),
        first_number: 0,
        in_flight: 64,
        until: Until::Sent(items / SOCKETS as u64),
    };
    threads.chunks(THREADS / SOCKETS).map(load).collect()
}

async fn end(server: Server, threads: &[String], how: End) -> Result<()> {
    if how == End::Graceful {
        return server.end(how).await;
    }
    let target = server.target().clone();
    pipeline::run_all(&target, loads(threads, ITEMS_OF_A_LIFE)).await?;
    let endless = loads(threads, u64::MAX);
    let writing = tokio::spawn(async move { pipeline::run_all(&target, endless).await });
    tokio::time::sleep(STILL_WRITING).await;
    ensure!(!writing.is_finished(), "nobody writes when it is killed");
    server.end(how).await?;
    // Its sockets are gone: that is how it ends.
    writing.await.context("the writer's task")?.err();
    Ok(())
}

async fn restart(bench: &Bench, filled: Filled, how: End) -> Result<(Filled, f64)> {
    let Filled {
        data,
        threads,
        server,
    } = filled;
    end(server, &threads, how).await?;
    let begun = Instant::now();
    let server = bench.server(data).await?;
    let thread = threads.first().context("a thread")?;
    Connection::open(server.target())
        .await?
        .list_items(thread)
        .await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let again = Filled {
        data,
        threads,
        server,
    };
    Ok((again, elapsed))
}
