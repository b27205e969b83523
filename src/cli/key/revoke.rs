//! `everlog key revoke`

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::ids::KeyId;
use everlog_domain::projects::DeleteKey;

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;

/// Revoke a key.
#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    #[command(flatten)]
    data: DataOptions,
    /// Its project
    #[arg(long, env = "EVERLOG_PROJECT")]
    project: String,
    /// The key's id, as `key list` shows it
    key: String,
}

impl Revoke {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let key = KeyId::parse(&self.key).map_err(Failure::failed)?;
        with_node(&self.data, async |node| {
            let number = project_number(node, &self.project)?;
            ask(node, number, ProjectCommand::DeleteKey(DeleteKey { key })).await
        })
    }
}
