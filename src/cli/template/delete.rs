//! `everlog template delete`

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::ids::TemplateId;
use everlog_domain::thread_templates::DeleteTemplate;

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;

/// Delete a template of threads. Threads that began from it stay as they are.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    data: DataOptions,
    /// Its project
    #[arg(long, env = "EVERLOG_PROJECT")]
    project: String,
    /// The template's id
    template: String,
}

impl Delete {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let template = TemplateId::parse(&self.template).map_err(Failure::failed)?;
        with_node(&self.data, async |node| {
            let number = project_number(node, &self.project)?;
            let command = ProjectCommand::DeleteTemplate(DeleteTemplate { template });
            ask(node, number, command).await
        })
    }
}
