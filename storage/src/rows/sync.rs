//! The background sync.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::store::Store;

/// How often the journal is written out, so that little waits for the disk whenever fjall syncs it.
const INTERVAL: Duration = Duration::from_millis(100);
/// In so many intervals it is synced through fjall: how much may have to be projected again after a
/// power loss.
const SYNCED_EVERY: u32 = 30;

/// A thread that syncs the database every few seconds. It ends when this is dropped.
pub(super) struct BackgroundSync {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundSync {
    pub(super) fn start(store: Store) -> Self {
        let (stop, stopped) = channel::<()>();
        let run = move || {
            let mut intervals = (1..=SYNCED_EVERY).cycle();
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = store.write_out() {
                    // The sync says so as well, and is believed.
                    tracing::warn!(%error, "the rows' journal could not be written out");
                }
                if intervals.next() != Some(SYNCED_EVERY) {
                    continue;
                }
                if let Err(failure) = store.sync() {
                    // Later batches fail as well: fjall takes no more writes after a failed sync.
                    tracing::error!(%failure, "the rows could not be synced");
                    return;
                }
            }
        };
        let spawned = std::thread::Builder::new()
            .name("rows-sync".into())
            .spawn(run);
        if let Err(error) = &spawned {
            tracing::warn!(%error, "the rows are not synced in the background");
        }
        Self {
            stop: Some(stop),
            thread: spawned.ok(),
        }
    }
}

impl Drop for BackgroundSync {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by then; there is nothing to add.
            let _ = thread.join();
        }
    }
}
