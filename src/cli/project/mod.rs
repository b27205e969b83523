//! `everlog project …`

mod create;
mod export;
mod import;
mod quotas;
mod retention;

use clap::Subcommand;

use super::failure::Failure;

/// Projects: all but the export while no server runs.
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Make a project
    Create(create::Create),
    /// Write a project into a file, for another server, also while a server runs
    Export(export::Export),
    /// Take in a project that was exported from another server
    Import(import::Import),
    /// Show or set what a project may use at most
    Quotas(quotas::Quotas),
    /// Show or set how long it keeps the items of its threads
    Retention(retention::Retention),
}

impl Project {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Quotas(command) => command.run(),
            Self::Retention(command) => command.run(),
        }
    }
}
