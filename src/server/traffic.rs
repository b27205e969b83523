//! Whether anything moves on a connection.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// How long nothing may move: no request begins, no answer is ready, nothing of one is taken. More
/// than a request may take.
pub(super) const STILL_WITHIN: Duration = Duration::from_secs(75);

/// When something moved last.
pub(super) struct Traffic(Mutex<Instant>);

impl Traffic {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Something moves.
    pub(super) fn moves(&self) {
        *self.0.lock() = Instant::now();
    }

    /// Resolves when nothing has moved for too long.
    pub(super) async fn still(&self) {
        loop {
            let due = *self.0.lock() + STILL_WITHIN;
            if due <= Instant::now() {
                return;
            }
            sleep_until(due).await;
        }
    }
}
