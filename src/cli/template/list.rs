//! `everlog template list`

use std::io::Write;

use clap::Args;
use everlog_domain::tables::system::thread_templates;
use everlog_domain::thread_templates::MAX_TEMPLATES;

use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;
use crate::http::TemplateAnswer;

/// List templates of threads as JSON lines.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    data: DataOptions,
    /// Their project
    #[arg(long, env = "EVERLOG_PROJECT")]
    project: String,
}

impl List {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let rows = with_node(&self.data, async |node| {
            let number = project_number(node, &self.project)?;
            let rows = node.reads().run(number, move |view, _| {
                view.scan(number, thread_templates::TABLE, &[], None, MAX_TEMPLATES)
            });
            rows.await?.map_err(Failure::failed)
        })?;
        let mut out = std::io::stdout().lock();
        for row in &rows {
            let unreadable = || Failure::failed("a template does not read: run everlog verify");
            let template = TemplateAnswer::of_row(row).ok_or_else(unreadable)?;
            let line = serde_json::to_string(&template).map_err(Failure::failed)?;
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}
