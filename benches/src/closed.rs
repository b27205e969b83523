//! The closed loop: a fixed number of callers, each with one call in flight, counted for a while.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::latency::Latencies;

/// One of the callers: a connection, a writer, a subscriber.
pub(crate) trait Caller: Send + 'static {
    /// Makes one call and returns when it is acknowledged, with the number of acknowledged writes.
    fn call(&mut self) -> impl Future<Output = Result<u64>> + Send;
}

/// When calls count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Calls before this are made but not counted.
    pub(crate) from: Instant,
    /// Callers stop at the first answer after this.
    pub(crate) until: Instant,
}

impl Window {
    /// A window that opens after a quarter of its own length.
    pub(crate) fn of(measured: Duration) -> Self {
        let from = Instant::now() + measured / 4;
        Self {
            from,
            until: from + measured,
        }
    }

    /// Whether an answer at this moment counts.
    pub(crate) fn counts(&self, at: Instant) -> bool {
        at >= self.from && at < self.until
    }

    /// Its length.
    pub(crate) fn length(&self) -> Duration {
        self.until - self.from
    }
}

/// What callers saw within a window.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Acknowledged writes.
    pub(crate) acknowledged: u64,
    /// The window's length.
    pub(crate) elapsed: Duration,
    /// From sending to acknowledgement, one entry a call.
    pub(crate) latencies: Latencies,
}

impl Measured {
    /// Nothing yet.
    pub(crate) fn nothing(elapsed: Duration) -> Result<Self> {
        Ok(Self {
            acknowledged: 0,
            elapsed,
            latencies: Latencies::new()?,
        })
    }

    /// Adds what another caller saw in the same window.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        self.acknowledged += other.acknowledged;
        self.latencies.merge(&other.latencies)
    }

    /// Acknowledged writes a second.
    #[allow(
        clippy::cast_precision_loss,
        reason = "counts of one run are far below 2^52"
    )]
    pub(crate) fn rate(&self) -> f64 {
        self.acknowledged as f64 / self.elapsed.as_secs_f64()
    }
}

/// Lets all callers call until the window closes; gives them back with what they saw.
pub(crate) async fn run<C: Caller>(callers: Vec<C>, window: Window) -> Result<(Measured, Vec<C>)> {
    let mut tasks = JoinSet::new();
    for caller in callers {
        tasks.spawn(call_until(caller, window));
    }
    let mut all = Measured::nothing(window.length())?;
    let mut callers = Vec::with_capacity(tasks.len());
    while let Some(ended) = tasks.join_next().await {
        let (calls, caller) = ended.context("a caller's task")??;
        all.acknowledged += calls.acknowledged;
        calls
            .latencies
            .into_iter()
            .for_each(|latency| all.latencies.record(latency));
        callers.push(caller);
    }
    ensure!(
        all.acknowledged > 0,
        "nothing was acknowledged within {:?}",
        window.length()
    );
    Ok((all, callers))
}

/// What one caller saw: a plain list, because histograms of hundreds of callers would not fit the
/// caches and slow the very work down.
#[derive(Debug, Default)]
struct Calls {
    acknowledged: u64,
    latencies: Vec<Duration>,
}

async fn call_until<C: Caller>(mut caller: C, window: Window) -> Result<(Calls, C)> {
    let mut calls = Calls::default();
    loop {
        let begun = Instant::now();
        if begun >= window.until {
            return Ok((calls, caller));
        }
        let acknowledged = caller.call().await?;
        let answered = Instant::now();
        if window.counts(answered) {
            calls.acknowledged += acknowledged;
            calls.latencies.push(answered - begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Yielding;

    impl Caller for Yielding {
        async fn call(&mut self) -> Result<u64> {
            tokio::task::yield_now().await;
            Ok(3)
        }
    }

    struct Refused;

    impl Caller for Refused {
        async fn call(&mut self) -> Result<u64> {
            anyhow::bail!("refused with status 403")
        }
    }

    #[tokio::test]
    async fn a_refused_call_ends_the_run() {
        let refused = run(vec![Refused], Window::of(Duration::from_millis(20))).await;
        assert_eq!(
            refused.map(|_| ()).unwrap_err().to_string(),
            "refused with status 403"
        );
    }

    #[tokio::test]
    async fn every_write_of_a_call_is_counted_and_every_call_timed() -> Result<()> {
        let callers = vec![Yielding, Yielding];
        let (seen, callers) = run(callers, Window::of(Duration::from_millis(40))).await?;
        assert_eq!(callers.len(), 2);
        assert_eq!(seen.acknowledged, 3 * seen.latencies.count());
        Ok(())
    }
}
