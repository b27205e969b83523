//! The open loop: arrivals by a schedule that no answer can delay. Latency counts from the
//! scheduled time, so a server that stalls is charged for everyone who would have come meanwhile.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::{Mutex, mpsc};

/// A schedule that any number of posters take arrivals from.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    first: Instant,
    interval: Duration,
    due: Arc<Mutex<mpsc::UnboundedReceiver<u32>>>,
}

/// Something that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Its place in the schedule, from 0.
    pub(crate) number: u32,
    /// The time it was due.
    pub(crate) scheduled: Instant,
}

impl Schedule {
    /// Starts a schedule of `count` arrivals.
    ///
    /// A thread of its own waits: the runtime's timers have a millisecond's grain, which would be
    /// counted as the server's.
    pub(crate) fn start(each_second: f64, count: u32) -> Result<Self> {
        // Holds `count` small numbers at most: the schedule's length is the bound.
        let (sender, due) = mpsc::unbounded_channel();
        let interval = Duration::from_secs_f64(1.0 / each_second);
        let first = Instant::now() + interval;
        let schedule = Self {
            first,
            interval,
            due: Arc::new(Mutex::new(due)),
        };
        let at = move |number| first + interval * number;
        thread::Builder::new()
            .name("arrivals".to_owned())
            .spawn(move || {
                for number in 0..count {
                    thread::sleep(at(number).saturating_duration_since(Instant::now()));
                    if sender.send(number).is_err() {
                        return;
                    }
                }
            })
            .context("the thread of the arrivals")?;
        Ok(schedule)
    }

    /// The next arrival, when it is due or as soon after as somebody asks; `None` at the end.
    pub(crate) async fn next(&self) -> Option<Arrival> {
        let number = self.due.lock().await.recv().await?;
        Some(Arrival {
            number,
            scheduled: self.scheduled(number),
        })
    }

    /// The time between two arrivals.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// When an arrival is due.
    pub(crate) fn scheduled(&self, number: u32) -> Instant {
        self.first + self.interval * number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn arrivals_keep_their_schedule_while_nobody_answers() -> Result<()> {
        let schedule = Schedule::start(1_000.0, 20)?;
        let mut arrivals = Vec::new();
        while let Some(arrival) = schedule.next().await {
            assert!(
                arrival.scheduled <= Instant::now(),
                "an arrival before its time"
            );
            arrivals.push(arrival);
        }
        assert_eq!(arrivals.len(), 20);
        for pair in arrivals.windows(2) {
            assert_eq!(pair[1].number, pair[0].number + 1);
            assert_eq!(
                pair[1].scheduled - pair[0].scheduled,
                Duration::from_millis(1)
            );
        }
        Ok(())
    }
}
