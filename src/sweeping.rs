//! Keeps the sweep of retention going while the server runs.

use std::time::Duration;

use everlog_actors::{Node, Refused, Sweeper, Swept};
use tokio::time::sleep;

/// Between two slices: a sweep is in no hurry, and leaves the reads to others.
const BETWEEN_SLICES: Duration = Duration::from_millis(20);
/// After a refusal.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// Sweeps, one round after the other with a pause in between. Never ends, unless the node stops.
pub(crate) async fn keep_sweeping(node: &Node, between_rounds: Duration) {
    let mut sweeper = Sweeper::new(node.clone());
    loop {
        let pause = match sweeper.slice(crate::clock::now()).await {
            Ok(Swept::More) => BETWEEN_SLICES,
            Ok(Swept::Round) => between_rounds,
            Err(Refused::Stopped) => return std::future::pending().await,
            Err(refused) => {
                // it goes on where it is
                tracing::warn!(%refused, "the sweep of retention waits");
                AFTER_REFUSAL
            }
        };
        sleep(pause).await;
    }
}
