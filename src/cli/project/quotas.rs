//! `everlog project quotas`

use std::io::Write;

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::ids::{CONSOLE, ProjectId};
use everlog_domain::projects::{Quotas as Values, SetQuotas};

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;

/// Show or set what a project may use at most. What is not named stays as it is.
#[derive(Debug, Args)]
pub(in crate::cli) struct Quotas {
    #[command(flatten)]
    data: DataOptions,
    /// The project's id
    id: String,
    /// Bytes of its events in the log
    #[arg(long, value_name = "N")]
    storage_bytes: Option<u64>,
    /// Live sockets at a time
    #[arg(long, value_name = "N")]
    connections: Option<u32>,
    /// Writes a second
    #[arg(long, value_name = "N")]
    writes_per_second: Option<u32>,
    /// Take all of them away first
    #[arg(long)]
    unbounded: bool,
}

impl Quotas {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let project = ProjectId::parse(&self.id).map_err(Failure::failed)?;
        let quotas = with_node(&self.data, async |node| {
            let number = project_number(node, &self.id)?;
            let quotas = self.over(node.quotas(number)?);
            let command = ProjectCommand::SetQuotas(SetQuotas { project, quotas });
            ask(node, CONSOLE, command).await?;
            Ok(quotas)
        })?;
        let line = serde_json::to_string(&quotas).map_err(Failure::failed)?;
        Ok(writeln!(std::io::stdout(), "{line}")?)
    }

    fn over(&self, now: Values) -> Values {
        let now = match self.unbounded {
            true => Values::default(),
            false => now,
        };
        Values {
            storage_bytes: self.storage_bytes.or(now.storage_bytes),
            connections: self.connections.or(now.connections),
            writes_per_second: self.writes_per_second.or(now.writes_per_second),
        }
    }
}
