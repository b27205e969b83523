//! The baseline: PostgreSQL 15 as Debian ships it, durable, over its Unix socket.
//!
//! It runs with Debian's own settings in a cluster of its own on the file system of our data folders,
//! and is used as well as it can be: prepared statements, the best number of connections, the best
//! form of a batch, a project for each connection so that none waits for another's rows, clients on as
//! many cores as ours have in process. Neither side pays for what the other left behind: after each of
//! its turns the table is emptied and the cluster brought to rest, outside of the window.
//!
//! Its table refuses what our committer refuses (an offset twice, a position of a stream twice): two
//! unique indexes. What it reaches with the first of them alone is in the table of trials.

mod batches;
mod cluster;
mod inserts;
mod table;

use std::path::Path;

use anyhow::{Context, Result};
use tokio::runtime::{self, Runtime};
use tokio_postgres::{Client, Config, NoTls};

use crate::closed::{self, Caller, Measured, Window};
use crate::options::Size;
use crate::progress::Progress;
use batches::{AlwaysFull, Batches, Form, WaitingCaller};
use cluster::Cluster;
pub(crate) use cluster::Unavailable;
use inserts::Inserter;
use table::Table;

/// Connections that insert: the best of these is the baseline.
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// Callers of the gathering writer, each with one event: as many as call our committer, and as
/// many as fill its batch.
const CALLERS: [usize; 2] = [512, batches::ROWS];

/// A running cluster with its best writers, found at the start of the run.
#[derive(Debug)]
pub(crate) struct Postgres {
    inserters: Vec<Inserter>,
    waiting: Vec<WaitingCaller>,
    /// What each number of connections and each form of a batch reached, for the table.
    pub(crate) trials: Vec<Trial>,
    cluster: Cluster,
    cores: AllCores,
}

/// A runtime with a thread for each core, where the clients are. The load's own has half of the cores.
#[derive(Debug)]
struct AllCores(Option<Runtime>);

impl AllCores {
    fn start() -> Result<Self> {
        let runtime = runtime::Builder::new_multi_thread().enable_all().build();
        Ok(Self(Some(
            runtime.context("the runtime of PostgreSQL's clients")?,
        )))
    }

    /// Runs `work` there; whatever it spawns stays there.
    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let runtime = self.0.as_ref().context("PostgreSQL's clients have ended")?;
        runtime
            .spawn(work)
            .await
            .context("PostgreSQL's clients panicked")?
    }
}

impl Drop for AllCores {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// One way to write, tried at the start of the run.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) name: String,
    pub(crate) seen: Measured,
}

impl Postgres {
    /// Starts a cluster in `folder` and finds its best writers of `payload_bytes` a row.
    pub(crate) async fn start(
        programs: &Path,
        folder: &Path,
        payload_bytes: usize,
        size: Size,
        progress: &Progress,
    ) -> Result<Self> {
        let cores = AllCores::start()?;
        let cluster = Cluster::start(programs, folder).await?;
        let search = Search {
            connect: cluster.config().clone(),
            payload_bytes,
            size,
            projects: 0,
            trials: Vec::new(),
        };
        progress
            .say("PostgreSQL: 1 to 256 connections, then one writer with batches of up to 1,024");
        let (inserters, waiting, trials) = cores.run(search.run()).await?;
        Ok(Self {
            inserters,
            waiting,
            trials,
            cluster,
            cores,
        })
    }

    /// The number of connections that inserted most.
    pub(crate) fn connections(&self) -> usize {
        self.inserters.len()
    }

    /// The number of callers whose gathered events made the best batches.
    pub(crate) fn callers(&self) -> usize {
        self.waiting.len()
    }

    /// Rows inserted one a commit, by the best number of connections.
    pub(crate) async fn inserts(&mut self, size: Size) -> Result<Measured> {
        let callers = std::mem::take(&mut self.inserters);
        let (seen, callers) = self.turn(callers, size).await?;
        self.inserters = callers;
        Ok(seen)
    }

    /// Rows committed together by the best gathering writer.
    pub(crate) async fn batches(&mut self, size: Size) -> Result<Measured> {
        let callers = std::mem::take(&mut self.waiting);
        let (seen, callers) = self.turn(callers, size).await?;
        self.waiting = callers;
        Ok(seen)
    }

    async fn turn<C: Caller>(&self, callers: Vec<C>, size: Size) -> Result<(Measured, Vec<C>)> {
        let config = self.cluster.config().clone();
        let turn = async move {
            let ended = closed::run(callers, Window::of(size.measured())).await?;
            bring_to_rest(&config).await?;
            Ok(ended)
        };
        self.cores.run(turn).await
    }

    /// Ends the cluster.
    pub(crate) async fn stop(self) -> Result<()> {
        drop((self.inserters, self.waiting));
        self.cluster.stop().await
    }
}

/// Empties the table and writes back what is dirty: work that PostgreSQL puts off, and would otherwise do
/// in the background of whoever is measured next.
async fn bring_to_rest(config: &Config) -> Result<()> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move { connection.await.ok() });
    // Each by itself: statements in one call are one transaction.
    for table in Table::ALL {
        let empty = format!("TRUNCATE {}", table.name());
        client.batch_execute(&empty).await?;
    }
    Ok(client.batch_execute("CHECKPOINT").await?)
}

/// The search for the best writers.
struct Search {
    connect: Config,
    payload_bytes: usize,
    size: Size,
    projects: i64,
    trials: Vec<Trial>,
}

impl Search {
    async fn run(mut self) -> Result<(Vec<Inserter>, Vec<WaitingCaller>, Vec<Trial>)> {
        let inserters = self.inserters().await?;
        self.ceiling().await?;
        self.waiting(Table::Unchecked).await?;
        let waiting = self.waiting(Table::Checked).await?;
        Ok((inserters, waiting, self.trials))
    }

    async fn inserters(&mut self) -> Result<Vec<Inserter>> {
        let mut best = Best::default();
        for connections in CONNECTIONS {
            let mut inserters = Vec::with_capacity(connections);
            for _ in 0..connections {
                let (client, project) = self.client().await?;
                inserters.push(Inserter::new(client, project, self.payload_bytes).await?);
            }
            let name = format!("an insert a commit, {connections} connections");
            best.offer(self.tried(name, inserters).await?);
        }
        Ok(best.callers)
    }

    async fn waiting(&mut self, table: Table) -> Result<Vec<WaitingCaller>> {
        let checked = match table {
            Table::Checked => "",
            Table::Unchecked => ", positions not checked",
        };
        let mut best = Best::default();
        for form in [Form::MultiRow, Form::Copy] {
            for callers in CALLERS {
                let batches = self.batches(form, table).await?;
                let waiting = WaitingCaller::gathered(batches, callers, self.payload_bytes);
                let name =
                    format!("one writer, batches of {callers} callers' events, {form}{checked}");
                best.offer(self.tried(name, waiting).await?);
            }
        }
        Ok(best.callers)
    }

    async fn ceiling(&mut self) -> Result<()> {
        for form in [Form::MultiRow, Form::Copy] {
            let batches = self.batches(form, Table::Checked).await?;
            let name = format!("one writer that nobody waits for, 1,024 ready rows, {form}");
            let writer = AlwaysFull::new(batches, self.payload_bytes);
            self.tried(name, vec![writer]).await?;
        }
        Ok(())
    }

    async fn tried<C: Caller>(
        &mut self,
        name: String,
        callers: Vec<C>,
    ) -> Result<(Measured, Vec<C>)> {
        let (seen, callers) = closed::run(callers, Window::of(self.size.measured())).await?;
        bring_to_rest(&self.connect).await?;
        self.trials.push(Trial {
            name,
            seen: seen.clone(),
        });
        Ok((seen, callers))
    }

    async fn batches(&mut self, form: Form, table: Table) -> Result<Batches> {
        let (client, project) = self.client().await?;
        Batches::new(client, project, form, table).await
    }

    async fn client(&mut self) -> Result<(Client, i64)> {
        self.projects += 1;
        let (client, connection) = self.connect.connect(NoTls).await?;
        // Ends when its client is dropped; a failure reaches the client's own next call.
        tokio::spawn(async move { connection.await.ok() });
        Ok((client, self.projects))
    }
}

/// The callers that reached most so far.
struct Best<C> {
    rate: f64,
    callers: Vec<C>,
}

impl<C> Default for Best<C> {
    fn default() -> Self {
        Self {
            rate: 0.0,
            callers: Vec::new(),
        }
    }
}

impl<C> Best<C> {
    fn offer(&mut self, (seen, callers): (Measured, Vec<C>)) {
        if seen.rate() > self.rate {
            *self = Self {
                rate: seen.rate(),
                callers,
            };
        }
    }
}
