//! `everlog project …`

mod create;
mod quotas;
mod retention;

use clap::Subcommand;

use super::failure::Failure;

/// Projects, while no server runs.
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Make a project
    Create(create::Create),
    /// Show or set what a project may use at most
    Quotas(quotas::Quotas),
    /// Show or set how long it keeps the items of its threads
    Retention(retention::Retention),
}

impl Project {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::Quotas(command) => command.run(),
            Self::Retention(command) => command.run(),
        }
    }
}
