//! The command line: a file a command.

mod backup;
mod descriptors;
mod dev;
mod dev_accounts;
mod failure;
mod key;
mod log;
mod offline;
mod progress;
mod project;
mod repair;
mod restore;
mod serve;
mod serving;
mod template;
mod threads;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The backend of an AI application in one program, on one durable log.
#[derive(Debug, Parser)]
#[command(name = "everlog", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a data folder
    Serve(serve::Serve),
    /// Serve on this machine with a ready project, an API key and a root user
    Dev(dev::Dev),
    /// Prove that nothing in a data folder was altered, cut off or written anew
    Verify(verify::Verify),
    /// Print the log of a project as JSON lines
    Log(log::Log),
    /// Mend a copy of a data folder that does not open
    Repair(repair::Repair),
    /// Copy the log into a backup, also while a server runs
    Backup(backup::Backup),
    /// Make a data folder out of a backup
    Restore(restore::Restore),
    /// API keys, while no server runs
    #[command(subcommand)]
    Key(key::Key),
    /// Projects: make them, bound them, move them between servers
    #[command(subcommand)]
    Project(project::Project),
    /// Threads of a server that runs, as JSON lines
    #[command(subcommand)]
    Threads(threads::Threads),
    /// Templates of threads, while no server runs
    #[command(subcommand)]
    Template(template::Template),
}

/// Runs the program. Exit codes: 0 done, 2 the data folder was not opened (or the command line is
/// wrong), 1 anything else, 70 the log failed while a command worked on it.
#[must_use]
pub fn main() -> ExitCode {
    crate::telemetry::start_logs();
    let done = match Cli::parse().command {
        Command::Serve(command) => command.run(),
        Command::Dev(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Log(command) => command.run(),
        Command::Repair(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Project(command) => command.run(),
        Command::Threads(command) => command.run(),
        Command::Template(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // nobody is left to tell if even this fails
            let _ = writeln!(std::io::stderr(), "everlog: {failure}");
            failure.code()
        }
    }
}
