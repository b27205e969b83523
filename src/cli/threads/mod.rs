//! `everlog threads …`: over HTTP, so that a server that runs is asked like by anybody else, and
//! what the key may not read does not come.

mod export;
mod import;
mod remote;

use clap::Subcommand;

use super::failure::Failure;

/// Threads of a server that runs, as JSON lines.
#[derive(Debug, Subcommand)]
pub(super) enum Threads {
    /// Print threads as JSON lines
    Export(export::Export),
    /// Send JSON lines to a server
    Import(import::Import),
}

impl Threads {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Export(command) => command.run(),
            Self::Import(command) => command.run(),
        }
    }
}
