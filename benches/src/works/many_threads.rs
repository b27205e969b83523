//! Many threads, each followed by two: what a message takes to its subscribers while every thread is
//! written to in turn, what the subscribers cost the writers, and what they cost in memory.
//!
//! Each client follows as many threads as divide the subscriptions evenly among the sockets: two on
//! each of many sockets is a page with a list and an open thread, hundreds on a few is a backend that
//! follows for its users.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::bench::Bench;
use crate::client::{Followed, Left};
use crate::crowd::Crowd;
use crate::http;
use crate::latency::Latencies;
use crate::losses::Losses;
use crate::pipeline::{self, Load, Until};
use crate::posting::Posting;
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::{End, Server};

/// Subscribers of each thread.
const EACH: usize = 2;

/// Items of each thread: written while nobody follows, at a steady rate, and as fast as it goes.
const ALONE: u64 = 5;
const STEADY: u64 = 3;
const FAST: u64 = 5;

/// Items a second, into all threads together.
const EACH_SECOND: f64 = 2_000.0;

/// Sockets that write as fast as it goes, and what each has in flight.
const WRITERS: usize = 4;
const IN_FLIGHT: usize = 32;

/// Threads, and how many of them each client follows.
#[derive(Debug, Clone, Copy)]
struct Shape {
    threads: usize,
    by_client: usize,
}

/// Measures many sockets with few subscriptions each, and few with many.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let threads = bench.size.pick(200, 10_000, 10_000);
    let mut rows = Vec::new();
    for by_client in [2, bench.size.pick(20, 200, 200)] {
        let shape = Shape { threads, by_client };
        rows.extend(measure_shape(bench, shape).await?);
    }
    Ok(rows)
}

impl Shape {
    fn clients(self) -> usize {
        self.threads * EACH / self.by_client
    }

    /// Whom each client follows: subscriptions are dealt out thread by thread, and round again.
    fn everybody(self) -> Vec<Vec<Followed>> {
        let follows = |client: usize| {
            let subscriptions = client * self.by_client..(client + 1) * self.by_client;
            let threads = subscriptions.map(|subscription| subscription % self.threads);
            threads.map(Followed::from_the_start).collect()
        };
        (0..self.clients()).map(follows).collect()
    }
}

async fn measure_shape(bench: &mut Bench, shape: Shape) -> Result<Vec<Row>> {
    let Shape { threads, by_client } = shape;
    let (subscriptions, clients) = (threads * EACH, shape.clients());
    let sync = bench.sync_cost()?;
    let server = bench.server(&format!("many-threads-{by_client}")).await?;
    let say = |what: &str| bench.progress.say(&format!("{clients} sockets: {what}"));
    say(&format!("making {threads} threads"));
    let all = Arc::new(http::create_threads(server.target(), threads).await?);
    say("nobody follows");
    let alone = write(&server, &all, 0, ALONE).await?;
    let before = server.resident_bytes()?;
    say("they come");
    let mut crowd = Crowd::come(server.target(), &all, shape.everybody());
    crowd.all_here().await?;
    let after = server.resident_bytes()?;
    say("a steady rate");
    let items = u32::try_from(threads * usize::try_from(STEADY)?)?;
    let posting = Posting::start(server.target(), &all, ALONE, EACH_SECOND, items).await?;
    crowd.time(posting.timing());
    posting.finish().await?;
    say("as fast as it goes");
    let begun = Instant::now();
    let followed = write(&server, &all, ALONE + STEADY, FAST).await?;
    let left = crowd.end(vec![ALONE + STEADY + FAST - 1; threads]).await?;
    let elapsed = begun.elapsed();
    let at_the_end = server.resident_bytes()?;
    server.end(End::Graceful).await?;
    let (latencies, losses) = account(&left)?;
    losses.must_be_none()?;
    let on = format!("{threads} threads × {EACH} subscribers on {clients} sockets");
    let whole = || Mark::new(Origin::First, "no gap, no duplicate", true);
    let frames = f64::from(u32::try_from(subscriptions)?) * number(FAST) / elapsed.as_secs_f64();
    Ok(vec![
        Row::of(
            format!("message to subscriber, {on}: p50"),
            Figure::time(latencies.p50()),
        )
        .beside("F", Figure::time(sync))
        .held_against(whole())
        .remarking(format!(
            "{losses} in {} frames, p99 {}; open loop, {EACH_SECOND} messages a second",
            latencies.count(),
            Figure::time(latencies.p99())
        )),
        Row::of(format!("items into {on}"), rate(threads, FAST, followed)?)
            .beside("nobody follows", rate(threads, ALONE, alone)?)
            .held_against(whole())
            .remarking(format!(
                "{} frames until everybody has everything, {} sockets write, {IN_FLIGHT} in flight \
                 each",
                Figure::PerSecond(frames),
                WRITERS
            )),
        Row::of(format!("memory of {on}"), Figure::Bytes(after))
            .beside("without them", Figure::Bytes(before))
            .remarking(format!(
                "{} KB a subscription; {} at the end",
                after.saturating_sub(before) / u64::try_from(subscriptions)? / 1_000,
                Figure::Bytes(at_the_end)
            )),
    ])
}

/// Writes so many items into each thread, as fast as it goes; how long until all were acknowledged.
async fn write(
    server: &Server,
    threads: &[String],
    first_number: u64,
    items: u64,
) -> Result<Duration> {
    let load = |threads: &[String]| Load {
        threads: threads.to_vec(),
        first_number,
        in_flight: IN_FLIGHT,
        until: Until::Sent(items * threads.len() as u64),
    };
    let loads = threads.chunks(threads.len().div_ceil(WRITERS)).map(load);
    let begun = Instant::now();
    pipeline::run_all(server.target(), loads.collect()).await?;
    Ok(begun.elapsed())
}

fn account(left: &[Left]) -> Result<(Latencies, Losses)> {
    let (mut latencies, mut losses) = (Latencies::new()?, Losses::default());
    for client in left {
        for one in &client.followed {
            losses.add(&one.account, ALONE + STEADY + FAST);
        }
        for latency in &client.latencies {
            latencies.record(*latency);
        }
    }
    Ok((latencies, losses))
}

fn rate(threads: usize, items: u64, elapsed: Duration) -> Result<Figure> {
    let all = f64::from(u32::try_from(threads)?) * number(items);
    Ok(Figure::PerSecond(all / elapsed.as_secs_f64()))
}

#[allow(clippy::cast_precision_loss, reason = "a handful")]
fn number(items: u64) -> f64 {
    items as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_two_subscribers_on_different_sockets() {
        for by_client in [2, 20] {
            let shape = Shape {
                threads: 200,
                by_client,
            };
            let mut followers = vec![Vec::new(); shape.threads];
            for (client, followed) in shape.everybody().into_iter().enumerate() {
                assert_eq!(followed.len(), by_client);
                for one in followed {
                    followers[one.thread].push(client);
                }
            }
            for of_thread in followers {
                assert_eq!(of_thread.len(), EACH);
                assert_ne!(of_thread.first(), of_thread.last());
            }
        }
    }
}
