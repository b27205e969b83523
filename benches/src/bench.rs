//! What all works of a run share: its folder, the sync probe, PostgreSQL, the server's binary.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::fs::statfs;
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::item;
use crate::options::{Options, Size};
use crate::postgres::{Postgres, Unavailable};
use crate::progress::Progress;
use crate::server::Server;
use crate::sync_cost::SyncProbe;

/// `f_type` of a file system in memory (linux/magic.h): nothing is durable there.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// A run.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) size: Size,
    pub(crate) progress: Progress,
    /// PostgreSQL, or why it is not there.
    pub(crate) postgres: Result<Postgres, Unavailable>,
    /// F, each time that it was measured, in seconds.
    pub(crate) sync_seconds: Vec<f64>,
    probe: SyncProbe,
    server: PathBuf,
    folder: TempDir,
}

impl Bench {
    /// Makes the run's folder and, where wanted and installed, starts PostgreSQL in it.
    pub(crate) async fn start(
        options: &Options,
        progress: Progress,
        with_postgres: bool,
    ) -> Result<Self> {
        let size = options.size();
        let folder = make_folder(&options.dir)?;
        let mut probe = SyncProbe::create(folder.path(), item::TEXT_BYTES)?;
        let sync_seconds = vec![block_in_place(|| probe.measure())?.as_secs_f64()];
        let postgres = if with_postgres {
            start_postgres(options, folder.path(), &progress).await
        } else {
            Err(Unavailable("not asked for".to_owned()))
        };
        let server = options
            .server
            .clone()
            .map_or_else(beside_this_program, Ok)?;
        Ok(Self {
            size,
            progress,
            postgres,
            sync_seconds,
            probe,
            server,
            folder,
        })
    }

    /// F, now.
    pub(crate) fn sync_cost(&mut self) -> Result<Duration> {
        let cost = block_in_place(|| self.probe.measure())?;
        self.sync_seconds.push(cost.as_secs_f64());
        Ok(cost)
    }

    /// The probe itself, for works that take turns with it at every step.
    pub(crate) fn probe(&mut self) -> &mut SyncProbe {
        &mut self.probe
    }

    /// The run's folder; removed with everything in it at the end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server on the data folder of this name.
    pub(crate) async fn server(&self, data: &str) -> Result<Server> {
        Server::start(&self.server, &self.folder.path().join(data)).await
    }

    /// Inserts a second into PostgreSQL, one a commit, now; `None` without PostgreSQL.
    pub(crate) async fn inserts_each_second(&mut self) -> Result<Option<f64>> {
        match &mut self.postgres {
            Ok(postgres) => Ok(Some(postgres.inserts(self.size).await?.rate())),
            Err(_) => Ok(None),
        }
    }

    /// Rows a second of PostgreSQL's best batching writer, now; `None` without PostgreSQL.
    pub(crate) async fn batched_each_second(&mut self) -> Result<Option<f64>> {
        match &mut self.postgres {
            Ok(postgres) => Ok(Some(postgres.batches(self.size).await?.rate())),
            Err(_) => Ok(None),
        }
    }

    /// How PostgreSQL's insert a commit is called in the table, or why it is not there.
    pub(crate) fn inserts_name(&self) -> String {
        self.postgres_name(|postgres| {
            format!(
                "PostgreSQL, insert a commit, {} connections",
                postgres.connections()
            )
        })
    }

    /// How PostgreSQL's batching writer is called in the table, or why it is not there.
    pub(crate) fn batches_name(&self) -> String {
        self.postgres_name(|postgres| {
            format!(
                "PostgreSQL, one batching writer, {} callers",
                postgres.callers()
            )
        })
    }

    fn postgres_name(&self, name: impl FnOnce(&Postgres) -> String) -> String {
        self.postgres
            .as_ref()
            .map_or_else(|unavailable| unavailable.0.clone(), name)
    }

    /// Ends PostgreSQL before works that it does not stand beside: it would take memory and time from them.
    pub(crate) async fn stop_postgres(&mut self) -> Result<()> {
        let stopped = Err(Unavailable("it stands beside no later work".to_owned()));
        match std::mem::replace(&mut self.postgres, stopped) {
            Ok(postgres) => postgres.stop().await,
            Err(unavailable) => {
                self.postgres = Err(unavailable);
                Ok(())
            }
        }
    }

    /// Ends PostgreSQL; gives back every F of the run.
    pub(crate) async fn end(self) -> Result<Vec<f64>> {
        if let Ok(postgres) = self.postgres {
            postgres.stop().await?;
        }
        Ok(self.sync_seconds)
    }
}

/// Without PostgreSQL the run goes on, and the table says why there is no baseline.
async fn start_postgres(
    options: &Options,
    folder: &Path,
    progress: &Progress,
) -> Result<Postgres, Unavailable> {
    Unavailable::unless_installed(&options.postgres)?;
    let (programs, size) = (&options.postgres, options.size());
    Postgres::start(programs, folder, item::TEXT_BYTES, size, progress)
        .await
        .map_err(|error| Unavailable(format!("PostgreSQL 15 did not start: {error:#}")))
}

/// A folder that PostgreSQL's user may enter, on a disk.
fn make_folder(parent: &Path) -> Result<TempDir> {
    let kind = statfs(parent)
        .with_context(|| parent.display().to_string())?
        .f_type;
    ensure!(
        u64::try_from(kind).ok() != Some(TMPFS_MAGIC),
        "{}: in memory, where a sync costs nothing; name a folder on a disk with --dir",
        parent.display()
    );
    tempfile::Builder::new()
        .prefix("everlog-bench-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(parent)
        .with_context(|| format!("{}: a folder for the run", parent.display()))
}

fn beside_this_program() -> Result<PathBuf> {
    Ok(std::env::current_exe()
        .context("this program's path")?
        .with_file_name("everlog"))
}
