//! Engine reads on a bounded pool, off the async threads. Whatever is answered is read here, so
//! here it is seen to that nothing is handed out which has expired.

use std::sync::Arc;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{Log, Rows, RowsView};

use crate::disclosed::Disclosed;
use crate::forks::WithForks;
use crate::options::{CommitterMode, NodeOptions};
use crate::request::Refused;
use crate::turns::{Place, Turns};

/// Runs reads against a consistent view of the rows. Projects take turns.
#[derive(Clone)]
pub struct Reads {
    log: Arc<dyn Log>,
    rows: Arc<dyn Rows>,
    turns: Turns,
    mode: CommitterMode,
}

/// A view that outlives one read: what is read piece by piece stays of one moment. Whoever holds it
/// must come to an end, since the engine keeps for it what later batches replace.
pub struct HeldView(WithForks);

/// A place among the reads, until it is dropped.
pub struct ReadTurn(#[expect(dead_code, reason = "given back when it is dropped")] Place);

impl Reads {
    /// Reads with places of their own, and room for so many that wait for one.
    pub(crate) fn new(
        log: Arc<dyn Log>,
        rows: Arc<dyn Rows>,
        options: &NodeOptions,
        waiting: usize,
    ) -> Self {
        Self {
            log,
            rows,
            turns: Turns::new(options.reads, waiting),
            mode: options.committer,
        }
    }

    /// Takes no more reads, and waits for those under way: they hold the engines.
    pub(crate) async fn stop(&self) {
        self.turns.end().await;
    }

    /// Runs a read with a view of its own, in the turn of a project. The log that it gets withholds
    /// what has expired. Turned away when too many wait
    /// already.
    pub async fn run<T, F>(&self, project: ProjectNumber, read: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: FnOnce(&dyn RowsView, &dyn Log) -> T + Send + 'static,
    {
        let place = self.turns.enter(project).await?;
        let (rows, log) = (Arc::clone(&self.rows), Arc::clone(&self.log));
        let work = move || {
            // Whoever asked may have gone: the place is free when the work is done and has let go
            // of the engines, not before.
            let _place = place;
            let (rows, log) = (rows, log);
            let view = WithForks::new(rows.view());
            let log = Disclosed::new(log, rows);
            read(&view, &log)
        };
        self.work(work).await
    }

    /// The turn of a project, for [`Reads::run_held`]. Turned away when too many wait already.
    pub async fn turn(&self, project: ProjectNumber) -> Result<ReadTurn, Refused> {
        Ok(ReadTurn(self.turns.enter(project).await?))
    }

    /// Runs a read with the view that is held; with a new one, which is held from then on, if none
    /// is.
    pub async fn run_held<T, F>(
        &self,
        turn: ReadTurn,
        held: &mut Option<HeldView>,
        read: F,
    ) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: FnOnce(&dyn RowsView, &dyn Log) -> T + Send + 'static,
    {
        let (rows, log) = (Arc::clone(&self.rows), Arc::clone(&self.log));
        let view = held.take();
        let work = move || {
            let _turn = turn;
            let (rows, log) = (rows, log);
            let view = view.unwrap_or_else(|| HeldView(WithForks::new(rows.view())));
            // what has expired meanwhile is withheld from the held moment as well
            let log = Disclosed::new(log, rows);
            let value = read(&view.0, &log);
            (view, value)
        };
        let (view, value) = self.work(work).await?;
        *held = Some(view);
        Ok(value)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
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
