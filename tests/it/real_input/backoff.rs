//! How long a client waits before it asks a server again that was away or full.

use std::time::Duration;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;

use crate::crash::fate;

const SHORTEST: Duration = Duration::from_millis(20);
/// The longest wait is the shortest, doubled so many times.
const DOUBLINGS: u32 = 5;

pub(super) struct Backoff {
    tries: u32,
    random: TestRng,
}

impl Backoff {
    /// Each client has a seed of its own, or they would all come back at once.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            tries: 0,
            random: fate::random(seed),
        }
    }

    pub(super) async fn wait(&mut self) {
        let longest = SHORTEST * 2_u32.pow(self.tries.min(DOUBLINGS));
        self.tries += 1;
        let time = longest.mul_f64(self.random.random_range(0.5..1.0));
        // what is waited for happens in another process, and nothing here can tell that it has
        tokio::time::sleep(time).await;
    }

    /// After a success the next failure is a first one again.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}
