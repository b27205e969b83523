//! Items that are posted at a steady rate into many threads in turn, whatever the answers take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::http::Connection;
use crate::open::Schedule;
use crate::server::Target;

/// Connections that post, so that a slow answer does not delay the next item.
const POSTERS: usize = 16;

/// Posts under way.
#[derive(Debug)]
pub(crate) struct Posting {
    timing: Timing,
    stopped: Arc<AtomicBool>,
    posters: JoinSet<Result<u64>>,
}

/// When each item is due: the n-th of all goes to the n-th thread, and round again.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    schedule: Schedule,
    first_number: u64,
    threads: u64,
    items: u64,
}

impl Timing {
    /// When an item of a thread was due, if it is one of these.
    pub(crate) fn scheduled(&self, thread: usize, number: u64) -> Option<Instant> {
        let round = number.checked_sub(self.first_number)?;
        let place = round * self.threads + u64::try_from(thread).ok()?;
        let place = u32::try_from(place).ok()?;
        (u64::from(place) < self.items).then(|| self.schedule.scheduled(place))
    }

    /// Items of one thread among the first of all.
    fn of_thread(&self, thread: usize, posted: u64) -> u64 {
        let before = u64::try_from(thread).unwrap_or(u64::MAX);
        posted.saturating_sub(before).div_ceil(self.threads)
    }
}

impl Posting {
    /// Begins: in each thread the numbers rise from `first_number`.
    pub(crate) async fn start(
        target: &Target,
        threads: &Arc<Vec<String>>,
        first_number: u64,
        each_second: f64,
        items: u32,
    ) -> Result<Self> {
        let mut connections = Vec::with_capacity(POSTERS);
        for _ in 0..POSTERS {
            connections.push(Connection::open(target).await?);
        }
        let timing = Timing {
            schedule: Schedule::start(each_second, items)?,
            first_number,
            threads: u64::try_from(threads.len())?,
            items: items.into(),
        };
        let stopped = Arc::new(AtomicBool::new(false));
        let mut posters = JoinSet::new();
        for connection in connections {
            let (timing, threads, stopped) = (timing.clone(), threads.clone(), stopped.clone());
            posters.spawn(post_until(connection, threads, timing, stopped));
        }
        Ok(Self {
            timing,
            stopped,
            posters,
        })
    }

    /// When each item is due.
    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Takes no more items, and waits for the answers. How many were posted into each thread.
    pub(crate) async fn stop(self) -> Result<Vec<u64>> {
        self.stopped.store(true, Ordering::Relaxed);
        self.finish().await
    }

    /// Waits until all are posted, and answered. How many were posted into each thread.
    pub(crate) async fn finish(mut self) -> Result<Vec<u64>> {
        let mut posted = 0;
        while let Some(ended) = self.posters.join_next().await {
            posted += ended.context("a poster's task")??;
        }
        let threads = usize::try_from(self.timing.threads)?;
        Ok((0..threads)
            .map(|thread| self.timing.of_thread(thread, posted))
            .collect())
    }
}

async fn post_until(
    mut connection: Connection,
    threads: Arc<Vec<String>>,
    timing: Timing,
    stopped: Arc<AtomicBool>,
) -> Result<u64> {
    let mut posted = 0;
    while !stopped.load(Ordering::Relaxed) {
        let Some(arrival) = timing.schedule.next().await else {
            break;
        };
        let place = u64::from(arrival.number);
        let thread = usize::try_from(place % timing.threads)?;
        let thread = threads.get(thread).context("no such thread")?;
        let number = timing.first_number + place / timing.threads;
        connection.post_item(thread, number).await?;
        posted += 1;
    }
    Ok(posted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_item_has_its_time_and_each_thread_its_number_of_items() -> Result<()> {
        let timing = Timing {
            schedule: Schedule::start(1_000.0, 7)?,
            first_number: 10,
            threads: 3,
            items: 7,
        };
        let at = |place| Some(timing.schedule.scheduled(place));
        assert_eq!(timing.scheduled(0, 10), at(0));
        assert_eq!(timing.scheduled(2, 11), at(5));
        assert_eq!(timing.scheduled(0, 12), at(6));
        assert_eq!(timing.scheduled(1, 12), None);
        assert_eq!(timing.scheduled(0, 9), None);
        let counts: Vec<u64> = (0..3).map(|thread| timing.of_thread(thread, 7)).collect();
        assert_eq!(counts, [3, 2, 2]);
        assert_eq!(timing.of_thread(2, 2), 0);
        Ok(())
    }
}
