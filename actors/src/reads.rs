//! Engine reads on a bounded pool, off the async threads.

use std::sync::Arc;
use std::time::Duration;

use everlog_domain::ports::{Log, Rows, RowsView};
use tokio::sync::Semaphore;

use crate::options::{CommitterMode, NodeOptions};
use crate::request::Refused;

/// Runs reads against a consistent view of the rows.
#[derive(Clone)]
pub struct Reads {
    log: Arc<dyn Log>,
    rows: Arc<dyn Rows>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Of `running`.
    places: usize,
    mode: CommitterMode,
}

impl Reads {
    pub(crate) fn new(log: Arc<dyn Log>, rows: Arc<dyn Rows>, options: &NodeOptions) -> Self {
        Self {
            log,
            rows,
            running: Arc::new(Semaphore::new(options.reads)),
            admitted: Arc::new(Semaphore::new(options.reads + options.reads_waiting)),
            places: options.reads,
            mode: options.committer,
        }
    }

    /// Takes no more reads, and waits for those under way: they hold the engines.
    pub(crate) async fn stop(&self) {
        let all = u32::try_from(self.places).unwrap_or(u32::MAX);
        drop(self.running.acquire_many(all).await);
        self.running.close();
    }

    /// Runs a read with a view of its own. Turned away when too many wait already.
    pub async fn run<T, F>(&self, read: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: FnOnce(&dyn RowsView, &dyn Log) -> T + Send + 'static,
    {
        let busy = |_| Refused::Busy {
            retry_after: Duration::from_secs(1),
        };
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(busy)?;
        let running = Arc::clone(&self.running).acquire_owned();
        let running = running.await.map_err(|_| Refused::Stopped)?;
        let (rows, log) = (Arc::clone(&self.rows), Arc::clone(&self.log));
        let work = move || {
            // Whoever asked may have gone: the places are free when the work is done and has let go
            // of the engines, not before.
            let _places = (admitted, running);
            let (rows, log) = (rows, log);
            read(rows.view().as_ref(), log.as_ref())
        };
        match self.mode {
            CommitterMode::Inline => Ok(work()),
            CommitterMode::Threads => {
                let joined = tokio::task::spawn_blocking(work).await;
                joined.map_err(|error| Refused::Failed {
                    reason: error.to_string(),
                })
            }
        }
    }
}
