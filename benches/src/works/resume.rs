//! Drop and resume: thousands of clients lose their connections at once, the threads are written to
//! all the while, they come back with their cursors, and each account is checked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::client::{Followed, Left};
use crate::crowd::Crowd;
use crate::http::{self, Connection};
use crate::latency::median;
use crate::losses::Losses;
use crate::pipeline::{self, Load, Until};
use crate::posting::Posting;
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Target};

/// The server's count of events that it read from the log for subscriptions.
const LOG_READS: &str = "everlog_live_log_events_total";

/// How long they follow before the connections are cut.
const FOLLOWING: Duration = Duration::from_secs(1);

/// More items than are posted at the steady rate before it is stopped.
const ENDLESS: u32 = 1_000_000;

const GOAL: Duration = Duration::from_secs(5);

/// Who follows what.
#[derive(Debug, Clone, Copy)]
struct Shape {
    clients: usize,
    threads: usize,
    /// Threads that each client follows, on one socket.
    by_client: usize,
    /// Items of each thread before they come, and while they are gone, beside what is posted at a
    /// steady rate.
    items: u64,
    /// The steady rate: items a second into all threads together, before, during and after the drop.
    each_second: f64,
}

impl Shape {
    /// A few threads with many readers each: what one read of the log brings serves all of them.
    const fn crowded(clients: usize) -> Self {
        Self {
            clients,
            threads: 10,
            by_client: 1,
            items: 50,
            each_second: 20.0,
        }
    }

    /// As many threads as clients, with two readers each: hardly anybody reads what another does.
    const fn scattered(clients: usize) -> Self {
        Self {
            clients,
            threads: clients,
            by_client: 2,
            items: 5,
            each_second: 500.0,
        }
    }

    fn everybody(self) -> Vec<Vec<Followed>> {
        let follows = |client: usize| {
            let threads = (0..self.by_client).map(|place| (client + place) % self.threads);
            threads.map(Followed::from_the_start).collect()
        };
        (0..self.clients).map(follows).collect()
    }
}

/// Measures 1,000 and 10,000 clients.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let (some, many) = bench.size.pick((50, 100), (1_000, 10_000), (1_000, 10_000));
    let shapes = [
        Shape::crowded(some),
        Shape::crowded(many),
        Shape::scattered(many),
    ];
    let server = bench.server("resume").await?;
    let mut rows = Vec::new();
    for shape in shapes {
        rows.push(measure_shape(bench, server.target(), shape).await?);
    }
    server.end(End::Graceful).await?;
    Ok(rows)
}

async fn measure_shape(bench: &Bench, target: &Target, shape: Shape) -> Result<Row> {
    let Shape {
        clients,
        threads,
        by_client,
        ..
    } = shape;
    let what = match by_client {
        1 => format!("{clients} clients of {threads} threads"),
        _ => format!("{clients} clients of {by_client} among {threads} threads"),
    };
    let rounds = bench.size.pick(1, 3, 5);
    let (mut seconds, mut reads) = (Vec::new(), Vec::new());
    let (mut losses, mut frames) = (Losses::default(), 0);
    for round in 1..=rounds {
        let of = format!("{what}, round {round} of {rounds}");
        bench.progress.say(&of);
        let resumed = drop_and_resume(target, shape).await?;
        seconds.push(resumed.elapsed.as_secs_f64());
        reads.push(resumed.reads_of_an_event);
        losses.merge(resumed.losses);
        frames += resumed.frames;
    }
    losses.must_be_none()?;
    let elapsed = median(&seconds);
    let met = elapsed < GOAL.as_secs_f64();
    let mut row = Row::of(format!("{what} drop and resume"), Figure::Seconds(elapsed))
        .held_against(Mark::new(Origin::Goal, "< 5 s, no gap, no duplicate", met))
        .remarking(format!(
            "{losses} in {frames} frames; {} and more items of each thread missed while {} a second \
             were posted; each was read from the log {:.2} times",
            shape.items,
            shape.each_second,
            median(&reads)
        ));
    row.rounds = seconds;
    Ok(row)
}

/// What came of one round, over all clients.
#[derive(Debug)]
struct Resumed {
    /// From the first reconnection until the past of every client had ended.
    elapsed: Duration,
    /// How often an event that was missed was read from the log, on average.
    reads_of_an_event: f64,
    losses: Losses,
    /// All that came, over both connections.
    frames: u64,
}

async fn drop_and_resume(target: &Target, shape: Shape) -> Result<Resumed> {
    let threads = Arc::new(http::create_threads(target, shape.threads).await?);
    write(target, &threads, 0, shape.items).await?;
    let mut crowd = Crowd::come(target, &threads, shape.everybody());
    crowd.all_here().await?;
    let first_number = shape.items * 2;
    let posting =
        Posting::start(target, &threads, first_number, shape.each_second, ENDLESS).await?;
    sleep(FOLLOWING).await;
    let cut_at = Instant::now();
    let left = crowd.cut().await?;
    write(target, &threads, shape.items, shape.items).await?;
    let reads_before = log_reads(target).await?;
    let back = left.into_iter().map(|left| left.followed).collect();
    let begun = Instant::now();
    let mut crowd = Crowd::come(target, &threads, back);
    crowd.all_here().await?;
    let elapsed = begun.elapsed();
    let meanwhile = cut_at.elapsed().as_secs_f64() * shape.each_second;
    let reads = log_reads(target).await? - reads_before;
    let posted = posting.stop().await?;
    let last: Vec<u64> = posted.iter().map(|posted| first_number + posted).collect();
    let closing = threads.iter().cloned().zip(last.iter().copied());
    http::post_each(target, closing.collect()).await?;
    let left = crowd.end(last.clone()).await?;
    let (losses, frames) = account(&left, &last);
    let missed = number(shape.items * threads.len() as u64) + meanwhile;
    Ok(Resumed {
        elapsed,
        reads_of_an_event: number(reads) / missed,
        losses,
        frames,
    })
}

async fn log_reads(target: &Target) -> Result<u64> {
    Connection::open(target).await?.metric(LOG_READS).await
}

fn account(left: &[Left], last: &[u64]) -> (Losses, u64) {
    let (mut losses, mut frames) = (Losses::default(), 0);
    for one in left.iter().flat_map(|left| &left.followed) {
        let expected = last.get(one.thread).map_or(u64::MAX, |last| last + 1);
        losses.add(&one.account, expected);
        frames += one.account.items;
    }
    (losses, frames)
}

async fn write(target: &Target, threads: &[String], first_number: u64, items: u64) -> Result<()> {
    let load = Load {
        threads: threads.to_vec(),
        first_number,
        in_flight: 64,
        until: Until::Sent(items * u64::try_from(threads.len())?),
    };
    pipeline::run_all(target, vec![load]).await?;
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn number(count: u64) -> f64 {
    count as f64
}
