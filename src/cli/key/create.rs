//! `everlog key create`

use std::io::Write;

use clap::Args;
use everlog_actors::ProjectCommand;
use everlog_domain::access::Scopes;
use everlog_domain::ids::{KeyId, ProjectId};
use everlog_domain::projects::{CreateKey, KeyCreated};
use everlog_domain::time::Time;

use crate::cli::dev_accounts::ask;
use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;
use crate::key_text::KeyText;

/// Make a key and print it, once: only a hash of its secret is kept.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    data: DataOptions,
    /// The project that it is for
    #[arg(long, env = "EVERLOG_PROJECT")]
    project: String,
    /// What it is for
    #[arg(long)]
    name: String,
    /// What it may ask for, separated by commas, as in threads.read,threads.write
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// When it ends by itself, as in 2030-01-01T00:00:00Z
    #[arg(long, value_parser = time)]
    expire: Option<Time>,
}

fn time(text: &str) -> Result<Time, String> {
    Time::parse(text).ok_or_else(|| "expected a time as in 2030-01-01T00:00:00Z".to_owned())
}

impl Create {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let scopes = Scopes::parse(&self.scopes).map_err(Failure::failed)?;
        let project = ProjectId::parse(&self.project).map_err(Failure::failed)?;
        let text = KeyText::new(project, KeyId::from_seed(&crate::random::bytes::<32>()));
        let key = KeyCreated {
            key: text.key.clone(),
            name: self.name,
            scopes,
            secret_hash: text.secret_hash(),
            expire: self.expire,
        };
        with_node(&self.data, async |node| {
            let number = project_number(node, &self.project)?;
            ask(node, number, ProjectCommand::CreateKey(CreateKey { key })).await
        })?;
        Ok(writeln!(std::io::stdout(), "{}", text.reveal())?)
    }
}
