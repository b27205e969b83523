//! `everlog project …`

mod create;

use clap::Subcommand;

use super::failure::Failure;

/// Projects, while no server runs.
#[derive(Debug, Subcommand)]
pub(super) enum Project {
    /// Make a project
    Create(create::Create),
}

impl Project {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
        }
    }
}
