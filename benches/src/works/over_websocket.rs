//! Items over the wire by pipelined WebSocket calls: few sockets, many calls in flight on each.

use anyhow::Result;

use super::over_http::{IN_FLIGHT, THREADS};
use crate::bench::Bench;
use crate::closed::Window;
use crate::http::Connection;
use crate::latency::Latencies;
use crate::pipeline::{self, Load, Until};
use crate::report::{Figure, Mark, Origin, Row};
use crate::server::End;
use crate::turns::Turns;

/// Sockets that share the calls in flight.
const SOCKETS: usize = 8;

/// Measures the closed loop.
pub(crate) async fn measure(bench: &mut Bench) -> Result<Vec<Row>> {
    let server = bench.server("over-websocket").await?;
    let threads = Connection::open(server.target())
        .await?
        .create_threads(THREADS)
        .await?;
    let mut turns = Turns::default();
    let mut latencies = Latencies::new()?;
    for round in 1..=bench.size.rounds() {
        bench
            .progress
            .say(&format!("round {round} of {}", bench.size.rounds()));
        let until = Until::Closed(Window::of(bench.size.measured()));
        let seen = pipeline::run_all(server.target(), loads(&threads, until)).await?;
        latencies.merge(&seen.latencies)?;
        turns.push(seen.rate(), bench.inserts_each_second().await?);
    }
    server.end(End::Graceful).await?;
    let mark: fn(f64) -> Mark = |ratio| Mark::ratio_at_least(Origin::First, 2.0, ratio);
    let (p50, p99) = (Figure::time(latencies.p50()), Figure::time(latencies.p99()));
    let work = "items over WebSocket, 512 in flight";
    let row = turns.row(work, Figure::PerSecond, &bench.inserts_name(), Some(mark));
    Ok(vec![row.remarking(format!(
        "{SOCKETS} sockets, p50 {p50}, p99 {p99}"
    ))])
}

/// The calls in flight and the threads, dealt out to the sockets.
fn loads(threads: &[String], until: Until) -> Vec<Load> {
    let dealt = threads.chunks(threads.len().div_ceil(SOCKETS).max(1));
    let load = |threads: &[String]| Load {
        threads: threads.to_vec(),
        first_number: 0,
        in_flight: IN_FLIGHT / SOCKETS,
        until,
    };
    dealt.map(load).collect()
}
