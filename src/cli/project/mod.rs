//! `everlog project …`

mod create;
mod quotas;

use clap::Subcommand;

use super::failure::Failure;

/// Projects, while no server runs.
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Make a project
    Create(create::Create),
    /// Show or set what a project may use at most
    Quotas(quotas::Quotas),
}

impl Project {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::Quotas(command) => command.run(),
        }
    }
}
