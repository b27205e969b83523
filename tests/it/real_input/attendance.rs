//! How far each subscriber is, for whoever waits for all of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than a busy machine leaves everybody without a frame.
const STALL: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Attendance {
    seats: Vec<Seat>,
    complete: watch::Sender<usize>,
}

#[derive(Debug)]
struct Seat {
    name: String,
    expected: usize,
    items: AtomicUsize,
}

impl Attendance {
    /// One seat a subscriber: its name, and how many items it is to see.
    pub(super) fn new(subscribers: impl IntoIterator<Item = (String, usize)>) -> Self {
        let seat = |(name, expected)| Seat {
            name,
            expected,
            items: AtomicUsize::new(0),
        };
        Self {
            seats: subscribers.into_iter().map(seat).collect(),
            complete: watch::Sender::new(0),
        }
    }

    pub(super) fn expected(&self, seat: usize) -> usize {
        self.seats[seat].expected
    }

    pub(super) fn saw(&self, seat: usize, items: usize) {
        self.seats[seat].items.store(items, Ordering::Relaxed);
    }

    /// A subscriber has all that it expects and knows that it is up to date. Said once by each.
    pub(super) fn completed(&self) {
        self.complete.send_modify(|complete| *complete += 1);
    }

    /// Until all are complete, or none has seen anything new for a while: then something is lost, and a comparison tells what.
    pub(super) async fn all_complete_or_stalled(&self) {
        loop {
            let before = self.items();
            let complete = timeout(STALL, self.all_complete()).await;
            if complete.is_ok() || self.items() == before {
                return;
            }
        }
    }

    async fn all_complete(&self) {
        let mut complete = self.complete.subscribe();
        complete
            .wait_for(|complete| *complete == self.seats.len())
            .await
            .expect("the sender is part of this");
    }

    fn items(&self) -> usize {
        let items = |seat: &Seat| seat.items.load(Ordering::Relaxed);
        self.seats.iter().map(items).sum()
    }

    /// Who has not got everything, and how much of it.
    pub(super) fn missing(&self) -> Vec<String> {
        let state = |seat: &Seat| {
            let items = seat.items.load(Ordering::Relaxed);
            (items < seat.expected)
                .then(|| format!("{} saw {items} of {} items", seat.name, seat.expected))
        };
        self.seats.iter().filter_map(state).collect()
    }
}
