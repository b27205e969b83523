//! `everlog key list`

use std::io::Write;

use clap::Args;
use everlog_domain::tables::system::keys;
use everlog_domain::value::Value;

use crate::cli::failure::Failure;
use crate::cli::offline::{expect_folder, project_number, with_node};
use crate::config::DataOptions;

/// Most keys that are listed.
const MOST: usize = 10_000;

/// List keys as JSON lines, without their secrets.
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
                view.scan(number, keys::TABLE, &[], None, MOST)
            });
            rows.await?.map_err(Failure::failed)
        })?;
        let mut out = std::io::stdout().lock();
        for row in &rows {
            let cell = |place: usize| row.get(place).unwrap_or(&Value::Null);
            let time = |place| cell(place).as_time().map(|time| time.to_string());
            let scopes = cell(keys::SCOPES)
                .as_list()
                .iter()
                .filter_map(Value::as_text);
            let line = serde_json::json!({
                "$id": cell(keys::ID).as_text(),
                "$createdAt": time(keys::CREATED_AT),
                "name": cell(keys::NAME).as_text(),
                "scopes": scopes.collect::<Vec<_>>(),
                "expire": time(keys::EXPIRE),
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}
