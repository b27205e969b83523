//! `everlog template …`

mod delete;
mod list;
mod set;

use clap::Subcommand;

use super::failure::Failure;

/// Templates of threads, while no server runs.
#[derive(Debug, Subcommand)]
pub(super) enum Template {
    /// Make a template, or replace what it says
    Set(set::Set),
    /// List templates
    List(list::List),
    /// Delete a template
    Delete(delete::Delete),
}

impl Template {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Set(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}
