//! `everlog serve`

use std::io::Write;

use clap::Args;

use super::failure::Failure;
use super::serving::{Serving, runtime};
use crate::config::{DataOptions, DiskOptions, NetworkOptions};
use crate::http::LocalPages;
use crate::wiring;

/// Serve a data folder.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    disk: DiskOptions,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        crate::telemetry::start_metrics();
        runtime()?.block_on(self.serve())
    }

    async fn serve(self) -> Result<(), Failure> {
        let low_water_bytes = self.disk.low_water_mb.saturating_mul(1_000_000);
        let options = wiring::storage_options(&self.data, low_water_bytes)?;
        let running = wiring::start(options).await?;
        let serving = Serving::listen(running, &self.network, LocalPages::Listed).await?;
        if let Some(token) = serving.edge.set_up.token().await {
            // for people, not for the log, which others may read
            let text = "There is no root user yet. Register one with POST /v1/account and this header, once:";
            writeln!(
                std::io::stderr(),
                "{text}\n  X-Everlog-Setup-Token: {token}"
            )?;
        }
        serving.run().await
    }
}
