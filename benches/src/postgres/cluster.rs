//! A private cluster: made in a temporary folder, reached by a Unix socket, gone with the run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio::process::{Child, Command};
use tokio_postgres::{Config, NoTls};

use super::table::Table;

const USER: &str = "bench";

/// Longest wait for the cluster to accept connections or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Debian's own settings, with durability said aloud and room for all connections of a run.
const SETTINGS: [&str; 5] = [
    "fsync=on",
    "synchronous_commit=on",
    "listen_addresses=",
    "max_connections=400",
    "log_min_messages=error",
];

/// Why there is no baseline on this machine, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable(pub(crate) String);

impl Unavailable {
    /// Whether PostgreSQL's programs are in `programs`; otherwise says what is missing.
    pub(crate) fn unless_installed(programs: &Path) -> Result<(), Self> {
        if programs.join("initdb").is_file() && programs.join("postgres").is_file() {
            return Ok(());
        }
        Err(Self(format!(
            "PostgreSQL 15 is not in {}: as root `apt-get install postgresql-15`, or give --postgres",
            programs.display()
        )))
    }
}

/// A running PostgreSQL.
#[derive(Debug)]
pub(crate) struct Cluster {
    process: Child,
    config: Config,
}

impl Cluster {
    /// Makes and starts a cluster under `folder`, which others must be able to enter.
    pub(crate) async fn start(programs: &Path, folder: &Path) -> Result<Self> {
        let data = folder.join("postgres");
        make_owned_folder(&data).await?;
        make_data_folder(programs, &data).await?;
        let process = spawn_server(programs, &data)?;
        let mut config = Config::new();
        config.host_path(&data).user(USER).dbname("postgres");
        let cluster = Self { process, config };
        cluster.make_tables().await?;
        Ok(cluster)
    }

    /// How to connect.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Ends it at once, in an orderly way ("fast shutdown").
    pub(crate) async fn stop(mut self) -> Result<()> {
        interrupt(&self.process);
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        ended
            .context("PostgreSQL did not stop")?
            .context("PostgreSQL's process")?;
        Ok(())
    }

    async fn make_tables(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let (client, connection) = loop {
            match self.config.connect(NoTls).await {
                Ok(connected) => break connected,
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("PostgreSQL did not accept a connection");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        tokio::spawn(async move { connection.await.ok() });
        for table in Table::ALL {
            let made = client.batch_execute(&table.definition()).await;
            made.context("the baseline's tables")?;
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        interrupt(&self.process);
    }
}

fn interrupt(process: &Child) {
    let pid = process
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Already gone is as good.
        kill_process(pid, Signal::INT).ok();
    }
}

/// PostgreSQL refuses to run as root: as root its programs run as the user `postgres`.
fn as_its_user(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ])
        .arg(program);
    command
}

async fn make_owned_folder(data: &Path) -> Result<()> {
    let mut command = Command::new("install");
    command.args(["--directory", "--mode=0700"]);
    if geteuid().is_root() {
        command.args(["--owner=postgres", "--group=postgres"]);
    }
    succeed(command.arg(data)).await
}

async fn make_data_folder(programs: &Path, data: &Path) -> Result<()> {
    let mut command = as_its_user(&programs.join("initdb"));
    command.args([
        "--username",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--pgdata",
    ]);
    succeed(command.arg(data)).await
}

fn spawn_server(programs: &Path, data: &Path) -> Result<Child> {
    let socket: PathBuf = data.to_owned();
    // The kernel's limit for a Unix socket's path is 107 bytes; PostgreSQL adds `/.s.PGSQL.5432`.
    ensure!(
        socket.as_os_str().len() < 90,
        "{}: too long for a socket",
        socket.display()
    );
    let mut command = as_its_user(&programs.join("postgres"));
    command.arg("-D").arg(data).arg("-k").arg(&socket);
    for setting in SETTINGS {
        command.arg("-c").arg(setting);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().context("PostgreSQL's server")
}

async fn succeed(command: &mut Command) -> Result<()> {
    let named = format!("{:?}", command.as_std());
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| named.clone())?;
    if !output.status.success() {
        bail!(
            "{named}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
