//! `everlog key …`

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use super::failure::Failure;

/// API keys, while no server runs.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make a key and print it, once
    Create(create::Create),
    /// List keys, without their secrets
    List(list::List),
    /// Revoke a key
    Revoke(revoke::Revoke),
}

impl Key {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Revoke(command) => command.run(),
        }
    }
}
