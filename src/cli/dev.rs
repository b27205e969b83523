//! `everlog dev`: a server on this machine with everything ready.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::dev_accounts::{Accounts, PROJECT};
use super::failure::Failure;
use super::serving::{Serving, runtime};
use crate::config::{DataOptions, DiskOptions, KeyOptions, NetworkOptions};
use crate::http::LocalPages;
use crate::wiring;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Serve on this machine with a ready project, an API key and a root user.
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// Folder of the data; without it a temporary one, removed at the end
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address and port on this machine; port 0 picks a free one
    #[arg(long, default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Print one line of JSON: endpoint, project, key, rootEmail, rootPassword
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten)]
    disk: DiskOptions,
}

/// What to try it with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Announcement<'a> {
    endpoint: String,
    project: &'a str,
    key: &'a str,
    root_email: &'a str,
    root_password: &'a str,
}

impl Dev {
    pub(super) fn run(self) -> Result<(), Failure> {
        if !self.listen.ip().is_loopback() {
            let reason = "dev prints its keys and listens on this machine only, as on 127.0.0.1; for others there is `everlog serve`";
            return Err(Failure::failed(reason));
        }
        crate::telemetry::start_metrics();
        let runtime = runtime()?;
        match self.data.clone() {
            Some(data) => runtime.block_on(self.serve(&data)),
            None => {
                let folder = tempfile::Builder::new().prefix("everlog-").tempdir()?;
                let served = runtime.block_on(self.serve(folder.path()));
                // the engines' threads must be gone before their folder
                drop(runtime);
                folder.close()?;
                served
            }
        }
    }

    async fn serve(self, data: &Path) -> Result<(), Failure> {
        let options = DataOptions {
            data: data.to_owned(),
            keys: self.keys.clone(),
        };
        let low_water_bytes = self.disk.low_water_mb.saturating_mul(1_000_000);
        let options = wiring::storage_options(&options, low_water_bytes)?;
        let kept = Accounts::kept(data)?;
        let running = wiring::start(options).await?;
        let accounts = match kept {
            Some(accounts) => accounts,
            None => Accounts::make(data, &running.node).await?,
        };
        accounts.ensure(&running.node).await?;
        let network = NetworkOptions {
            listen: self.listen,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            metrics_from: Vec::new(),
            max_connections: 16_384,
            retention_interval: 60,
        };
        let serving = Serving::listen(running, &network, LocalPages::Allowed).await?;
        self.announce(&serving, &accounts)?;
        serving.run().await
    }

    fn announce(&self, serving: &Serving, accounts: &Accounts) -> Result<(), Failure> {
        let announcement = Announcement {
            endpoint: format!("http://{}/v1", serving.address),
            project: PROJECT,
            key: &accounts.key,
            root_email: &accounts.root_email,
            root_password: &accounts.root_password,
        };
        let mut out = std::io::stdout().lock();
        if self.json {
            let line = serde_json::to_string(&announcement).map_err(Failure::failed)?;
            writeln!(out, "{line}")?;
        } else {
            let Announcement {
                endpoint,
                project,
                key,
                root_email,
                root_password,
            } = announcement;
            writeln!(
                out,
                "Everlog is ready.\n\n  endpoint       {endpoint}\n  project        {project}"
            )?;
            writeln!(
                out,
                "  key            {key}\n  root user      {root_email}\n  root password  {root_password}"
            )?;
        }
        Ok(out.flush()?)
    }
}
