//! The one place that picks engines: the embedded log and rows behind the domain's ports.

use std::sync::Arc;
use std::time::Duration;

use everlog_actors::{Halt, Node, NodeOptions, StartFailure};
use everlog_domain::ids::ProjectUid;
use everlog_domain::ports::{Log, Rows};
use everlog_storage::{
    Checkpoints, MasterKey, MasterKeyRefused, MasterKeySource, OpenRefused, Opened, Options,
};
use futures_util::FutureExt;
use thiserror::Error;
use tokio::task::unconstrained;

use crate::config::{DataOptions, KeyOptions};

/// The master key, in the environment: a flag would show in the list of processes.
const MASTER_KEY: &str = "EVERLOG_MASTER_KEY";
/// Batches after which signed checkpoints are written.
const CHECKPOINT_EACH: u64 = 10_000;
/// How often that is looked at.
const LOOK_EACH: Duration = Duration::from_secs(10);

/// Why the engines or the actors do not start.
#[derive(Debug, Error)]
pub(crate) enum StartRefused {
    /// The data folder was not opened; no file has been changed.
    #[error("{0}")]
    Folder(#[from] OpenRefused),
    /// The master key in the environment is none.
    #[error("{MASTER_KEY}: {0}")]
    MasterKey(#[from] MasterKeyRefused),
    /// The actors did not start.
    #[error("{0}")]
    Node(#[from] StartFailure),
    /// The task that opened the folder failed.
    #[error("the data folder could not be opened: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// The engines and actors of an open data folder.
pub(crate) struct Running {
    /// The actors.
    pub node: Node,
    checkpoints: Arc<Checkpoints>,
    /// The folder's secret for the edge.
    pub secret: Vec<u8>,
}

/// How the storage opens a folder.
pub(crate) fn storage_options(
    data: &DataOptions,
    low_water_bytes: u64,
) -> Result<Options, MasterKeyRefused> {
    Ok(Options {
        data: data.data.clone(),
        master_key: master_key(&data.keys)?,
        checkpoint_dir: data.keys.checkpoint_dir.clone(),
        low_water_bytes,
    })
}

/// Where the master key comes from.
pub(crate) fn master_key(keys: &KeyOptions) -> Result<MasterKeySource, MasterKeyRefused> {
    if let Some(path) = &keys.master_key_file {
        return Ok(MasterKeySource::File(path.clone()));
    }
    match std::env::var(MASTER_KEY) {
        Ok(text) => Ok(MasterKeySource::Given(MasterKey::parse(&text)?)),
        Err(_) => Ok(MasterKeySource::InFolder),
    }
}

/// Opens a data folder and starts the actors on it.
pub(crate) async fn start(options: Options) -> Result<Running, StartRefused> {
    // reads whole files, and catches the rows up
    let opened = tokio::task::spawn_blocking(move || everlog_storage::open(&options)).await??;
    let Opened {
        log,
        rows,
        checkpoints,
        secret,
    } = opened;
    let console_uid = ProjectUid(crate::random::bytes());
    let (log, rows): (Arc<dyn Log>, Arc<dyn Rows>) = (log, rows);
    let node = Node::start(log, rows, NodeOptions::new(console_uid)).await?;
    Ok(Running {
        node,
        checkpoints,
        secret: secret.to_vec(),
    })
}

impl Running {
    /// Writes signed checkpoints while the log grows. Never ends.
    pub(crate) async fn keep_checkpoints(&self) {
        let mut ticks = tokio::time::interval(LOOK_EACH);
        loop {
            ticks.tick().await;
            if self.checkpoints.behind() >= CHECKPOINT_EACH {
                self.write_checkpoints().await;
            }
        }
    }

    /// Commits what is under way, stops the actors and signs the end of the log. Where the log
    /// fails meanwhile nothing is signed: what is on the disk is unknown until a restart reads it.
    pub(crate) async fn stop(self) -> Result<(), Halt> {
        self.node.stop().await;
        // a stopped node has halted by now, or never does
        if let Some(halt) = unconstrained(self.node.halted()).now_or_never() {
            return Err(halt);
        }
        if self.checkpoints.behind() > 0 {
            self.write_checkpoints().await;
        }
        Ok(())
    }

    async fn write_checkpoints(&self) {
        let checkpoints = Arc::clone(&self.checkpoints);
        match tokio::task::spawn_blocking(move || checkpoints.write()).await {
            Ok(Ok(projects)) => tracing::debug!(projects, "signed checkpoints were written"),
            // the log itself is sound: checkpoints only prove it
            Ok(Err(error)) => tracing::error!(%error, "checkpoints could not be written"),
            Err(error) => tracing::error!(%error, "checkpoints could not be written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::ids::ProjectId;
    use everlog_kit::{AppendFault, MemoryLog, MemoryRows};

    async fn node(log: Arc<dyn Log>, rows: Arc<dyn Rows>) -> Node {
        let options = NodeOptions::new(ProjectUid([1; 16]));
        Node::start(log, rows, options).await.unwrap()
    }

    async fn make_project(node: &Node) -> bool {
        let id = ProjectId::parse("p").unwrap();
        let uid = ProjectUid([2; 16]);
        let made = node.ensure_project(&id, "P", uid, crate::clock::now());
        made.await.is_ok()
    }

    /// A stop after a write to a log that may fail, with checkpoints that are behind.
    async fn stop_with(log: MemoryLog) -> (Result<(), Halt>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            data: folder.path().join("data"),
            master_key: MasterKeySource::Given(MasterKey::generate().unwrap()),
            checkpoint_dir: None,
            low_water_bytes: 0,
        };
        let opened = everlog_storage::open(&options).unwrap();
        let real = node(opened.log, opened.rows).await;
        assert!(make_project(&real).await);
        real.stop().await;
        let checkpoints = opened.checkpoints;
        let running = Running {
            node: node(Arc::new(log), Arc::new(MemoryRows::new())).await,
            checkpoints: Arc::clone(&checkpoints),
            secret: Vec::new(),
        };
        make_project(&running.node).await;
        (running.stop().await, checkpoints.behind())
    }

    #[tokio::test]
    async fn a_log_that_fails_by_the_end_is_not_signed() {
        let failing = MemoryLog::new();
        failing.fail_append(1, AppendFault::BrokenBefore);
        let (stopped, behind) = stop_with(failing).await;
        assert!(
            stopped.is_err() && behind > 0,
            "{stopped:?}, {behind} behind"
        );
        let (stopped, behind) = stop_with(MemoryLog::new()).await;
        assert!(
            stopped.is_ok() && behind == 0,
            "{stopped:?}, {behind} behind"
        );
    }
}
