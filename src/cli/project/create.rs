//! `everlog project create`

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::ids::{CONSOLE, ProjectId, ProjectUid};

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::with_node;
use crate::config::DataOptions;

/// Ids that mean something else.
const RESERVED: [&str; 1] = ["console"];

/// Make a project.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    data: DataOptions,
    /// Its id
    id: String,
    /// Its name; its id without it
    #[arg(long)]
    name: Option<String>,
}

impl Create {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let project = ProjectId::parse(&self.id).map_err(Failure::failed)?;
        if RESERVED.contains(&project.as_str()) {
            return Err(Failure::failed(format!(
                "{project} is the control plane's own id"
            )));
        }
        let command = ProjectCommand::CreateProject {
            project,
            name: self.name.unwrap_or(self.id),
            uid: ProjectUid(crate::random::bytes()),
        };
        with_node(&self.data, async |node| ask(node, CONSOLE, command).await)
    }
}
