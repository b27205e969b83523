//! The works of a run, one file each.

#![allow(clippy::print_stdout, reason = "`--list` prints the names")]

mod append;
mod database;
mod delivery;
mod fan_out;
mod many_threads;
mod over_http;
mod over_websocket;
mod past;
mod replay;
mod restart;
mod resume;
mod stalled;
mod through_actors;

use anyhow::{Result, ensure};

use crate::bench::Bench;
use crate::report::Row;

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Database,
    Append,
    ThroughActors,
    OverHttp,
    OverWebSocket,
    Delivery,
    FanOut,
    ManyThreads,
    Resume,
    Replay,
    Past,
    Restart,
    Stalled,
}

/// In the order in which they run: those that PostgreSQL stands beside come first, and it ends with them.
const ALL: [Work; 13] = [
    Work::Database,
    Work::Append,
    Work::ThroughActors,
    Work::OverHttp,
    Work::OverWebSocket,
    Work::Delivery,
    Work::FanOut,
    Work::ManyThreads,
    Work::Resume,
    Work::Replay,
    Work::Past,
    Work::Restart,
    Work::Stalled,
];

impl Work {
    /// What `--only` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Database => "postgresql",
            Self::Append => "append",
            Self::ThroughActors => "items-through-actors",
            Self::OverHttp => "items-over-http",
            Self::OverWebSocket => "items-over-websocket",
            Self::Delivery => "message-to-subscriber",
            Self::FanOut => "fan-out",
            Self::ManyThreads => "many-threads",
            Self::Resume => "drop-and-resume",
            Self::Replay => "replay",
            Self::Past => "past",
            Self::Restart => "restart",
            Self::Stalled => "stalled-subscribers",
        }
    }

    /// Whether PostgreSQL stands beside it.
    pub(crate) fn needs_postgres(self) -> bool {
        match self {
            Self::Database
            | Self::Append
            | Self::ThroughActors
            | Self::OverHttp
            | Self::OverWebSocket => true,
            Self::Delivery
            | Self::FanOut
            | Self::ManyThreads
            | Self::Resume
            | Self::Replay
            | Self::Past
            | Self::Restart
            | Self::Stalled => false,
        }
    }

    /// Measures it.
    pub(crate) async fn measure(self, bench: &mut Bench) -> Result<Vec<Row>> {
        // Each is a large future, and they run one after the other.
        match self {
            Self::Database => database::measure(bench),
            Self::Append => Box::pin(append::measure(bench)).await,
            Self::ThroughActors => Box::pin(through_actors::measure(bench)).await,
            Self::OverHttp => Box::pin(over_http::measure(bench)).await,
            Self::OverWebSocket => Box::pin(over_websocket::measure(bench)).await,
            Self::Delivery => Box::pin(delivery::measure(bench)).await,
            Self::FanOut => Box::pin(fan_out::measure(bench)).await,
            Self::ManyThreads => Box::pin(many_threads::measure(bench)).await,
            Self::Resume => Box::pin(resume::measure(bench)).await,
            Self::Replay => Box::pin(replay::measure(bench)).await,
            Self::Past => Box::pin(past::measure(bench)).await,
            Self::Restart => Box::pin(restart::measure(bench)).await,
            Self::Stalled => Box::pin(stalled::measure(bench)).await,
        }
    }
}

/// The works whose names contain one of `only`, or all; a name that fits none is an error.
pub(crate) fn chosen(only: &[String]) -> Result<Vec<Work>> {
    for name in only {
        let known = ALL.iter().any(|work| work.name().contains(name));
        ensure!(known, "no work is called {name}; --list prints their names");
    }
    let wanted = |work: &Work| only.iter().any(|name| work.name().contains(name));
    Ok(ALL
        .into_iter()
        .filter(|work| only.is_empty() || wanted(work))
        .collect())
}

/// Prints what `--only` takes.
pub(crate) fn print_names() {
    for work in ALL {
        println!("{}", work.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chooses_by_a_part_of_the_name() -> Result<()> {
        assert!(chosen(&["no-such-work".to_owned()]).is_err());
        assert_eq!(chosen(&[])?, ALL);
        let over = chosen(&["items-over".to_owned()])?;
        assert_eq!(over, [Work::OverHttp, Work::OverWebSocket]);
        Ok(())
    }
}
