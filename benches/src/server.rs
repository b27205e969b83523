//! The server under load: the real binary, as a process of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longest wait for the server to announce itself, or to stop.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where to send requests, and the key that lets them in.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `host:port`.
    pub(crate) authority: String,
    /// The path before every resource, without a slash at its end.
    pub(crate) base: String,
    /// An API key with all scopes.
    pub(crate) key: String,
}

/// The line that `everlog dev --json` prints when it accepts connections.
#[derive(Debug, Deserialize)]
struct Announcement {
    endpoint: String,
    key: String,
}

impl Announcement {
    fn target(self) -> Result<Target> {
        let address = self.endpoint.strip_prefix("http://");
        let parted = address.and_then(|address| address.split_once('/'));
        let (authority, base) =
            parted.with_context(|| format!("{}: expected http://host:port/v1", self.endpoint))?;
        Ok(Target {
            authority: authority.to_owned(),
            base: format!("/{base}"),
            key: self.key,
        })
    }
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is asked to stop and closes its files.
    Graceful,
    /// It is killed where it stands.
    Killed,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    target: Target,
}

impl Server {
    /// Starts `binary` on the data folder `data`; its log goes beside the folder.
    pub(crate) async fn start(binary: &Path, data: &Path) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "{}: no server there, build it first",
            binary.display()
        );
        let log = File::options()
            .create(true)
            .append(true)
            .open(data.with_extension("log"))?;
        let mut process = Command::new(binary)
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{}: the server", binary.display()))?;
        let line = tokio::time::timeout(PATIENCE, first_line(&mut process)).await;
        let line = line.map_err(|_| anyhow!("the server said nothing within {PATIENCE:?}"))??;
        let announcement: Announcement = serde_json::from_str(&line)
            .with_context(|| format!("the server's first line is {line:?}"))?;
        Ok(Self {
            process,
            target: announcement.target()?,
        })
    }

    /// Where it listens.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let id = self.process.id().context("the server has ended")?;
        let path = format!("/proc/{id}/status");
        resident_bytes(&fs::read_to_string(&path).context(path)?)
    }

    /// Ends it and waits until it is gone.
    pub(crate) async fn end(mut self, how: End) -> Result<()> {
        let id = self
            .process
            .id()
            .context("the server has ended by itself")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("the server's process id")?;
        let signal = match how {
            End::Graceful => Signal::TERM,
            End::Killed => Signal::KILL,
        };
        kill_process(pid, signal)?;
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        let status =
            ended.map_err(|_| anyhow!("the server did not stop within {PATIENCE:?}"))??;
        ensure!(
            how == End::Killed || status.success(),
            "the server ended with {status}"
        );
        Ok(())
    }
}

/// Reads the announcement and lets a task read on, so that the pipe never fills.
async fn first_line(process: &mut Child) -> Result<String> {
    let output = process
        .stdout
        .take()
        .context("the server's standard output")?;
    let mut lines = BufReader::new(output).lines();
    let line = lines.next_line().await?;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    line.context("the server ended before it announced itself: see its log beside the data folder")
}

fn resident_bytes(status: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes = kibibytes.context("no VmRSS in the server's status")?;
    Ok(kibibytes.trim().parse::<u64>()? * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() -> Result<()> {
        let status = "Name:\teverlog\nVmPeak:\t  99 kB\nVmRSS:\t    1500 kB\nThreads:\t4\n";
        assert_eq!(resident_bytes(status)?, 1_536_000);
        assert!(resident_bytes("Name:\tzombie\n").is_err());
        Ok(())
    }

    #[test]
    fn an_announcement_names_host_and_base() -> Result<()> {
        let line = r#"{"endpoint":"http://127.0.0.1:4000/v1","project":"demo","key":"k"}"#;
        let target = serde_json::from_str::<Announcement>(line)?.target()?;
        assert_eq!(
            (target.authority.as_str(), target.base.as_str()),
            ("127.0.0.1:4000", "/v1")
        );
        let wrong = Announcement {
            endpoint: "127.0.0.1:4000".to_owned(),
            key: String::new(),
        };
        assert!(wrong.target().is_err());
        Ok(())
    }
}
