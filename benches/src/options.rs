//! What a run is asked for on the command line, and the sizes that follow from it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures Everlog beside its baselines and prints one table of ratios.
#[derive(Debug, Clone, Parser)]
#[command(name = "everlog-bench", version)]
pub(crate) struct Options {
    /// Only works whose name contains this; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Small sizes, one minute or two: a check that everything runs, not a measurement.
    #[arg(long, conflicts_with = "full")]
    pub(crate) quick: bool,
    /// The sizes of the design's goals (10,000 subscribers, a million items): takes long.
    #[arg(long)]
    pub(crate) full: bool,
    /// Also write the table, with the figures of each round, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where data folders, PostgreSQL's cluster and the sync probe go: one file system for all.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub(crate) dir: PathBuf,
    /// The server's binary; by default `everlog` beside this program.
    #[arg(long, value_name = "FILE")]
    pub(crate) server: Option<PathBuf>,
    /// The folder of PostgreSQL 15's programs.
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/postgresql/15/bin")]
    pub(crate) postgres: PathBuf,
    /// Print the names of the works and stop.
    #[arg(long)]
    pub(crate) list: bool,
}

impl Options {
    /// How large this run is.
    pub(crate) fn size(&self) -> Size {
        match (self.quick, self.full) {
            (true, _) => Size::Quick,
            (_, true) => Size::Full,
            (false, false) => Size::Usual,
        }
    }
}

/// How much a run measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Size {
    /// Shows that everything runs.
    Quick,
    /// What `make bench` measures; the sizes.
    Usual,
    /// The sizes of the design's goals.
    Full,
}

impl Size {
    /// One of three figures.
    pub(crate) fn pick<T>(self, quick: T, usual: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Usual => usual,
            Self::Full => full,
        }
    }

    /// How often ours and its baseline take turns.
    pub(crate) fn rounds(self) -> usize {
        self.pick(1, 5, 9)
    }

    /// How long each closed loop is counted in each round.
    pub(crate) fn measured(self) -> Duration {
        self.pick(
            Duration::from_millis(700),
            Duration::from_secs(3),
            Duration::from_secs(5),
        )
    }
}
