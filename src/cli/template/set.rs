//! `everlog template set`

use std::path::PathBuf;

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::ids::TemplateId;
use everlog_domain::tables::system::thread_templates;
use everlog_domain::thread_templates::{CreateTemplate, UpdateTemplate};
use everlog_domain::value::Value;

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;
use crate::http::TemplateBody;

/// Make a template of threads, or replace what it says.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    data: DataOptions,
    /// Its project
    #[arg(long, env = "EVERLOG_PROJECT")]
    project: String,
    /// The template's id
    template: String,
    /// A file with what it says, as JSON: usableBy, permissions, participants
    file: PathBuf,
}

impl Set {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let template = TemplateId::parse(&self.template).map_err(Failure::failed)?;
        let named = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("{}: {error}", self.file.display()))
        };
        let text = std::fs::read(&self.file).map_err(|error| named(&error))?;
        let body: TemplateBody = serde_json::from_slice(&text).map_err(|error| named(&error))?;
        let content = body
            .content()
            .map_err(|error| named(&error.body().message))?;
        let update = ProjectCommand::UpdateTemplate(UpdateTemplate {
            template: template.clone(),
            content: content.clone(),
        });
        let create = ProjectCommand::CreateTemplate(CreateTemplate { template, content });
        with_node(&self.data, async |node| {
            let number = project_number(node, &self.project)?;
            let key = [Value::text(&self.template)];
            let read = node.reads().run(number, move |view, _| {
                view.get(number, thread_templates::TABLE, &key)
            });
            match read.await?.map_err(Failure::failed)? {
                Some(_) => ask(node, number, update).await,
                None => ask(node, number, create).await,
            }
        })
    }
}
