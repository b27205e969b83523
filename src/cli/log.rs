//! `everlog log`

use std::collections::VecDeque;
use std::io::{self, BufWriter, ErrorKind, Write};

use clap::Args;
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, ProjectId};
use everlog_storage::OfflineLog;

use super::failure::Failure;
use super::offline::expect_folder;
use crate::config::DataOptions;
use crate::log::{Expirations, Line, without_secrets};
use crate::wiring;

/// Most events that `--tail` keeps in memory.
const MAX_TAIL: u32 = 100_000;

/// Print the log of a project as JSON lines, while no server runs.
#[derive(Debug, Args)]
pub(super) struct Log {
    #[command(flatten)]
    data: DataOptions,
    /// The project
    #[arg(long, env = "EVERLOG_PROJECT", default_value = "console")]
    project: String,
    /// First offset to print
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Last offset to print; the newest without it
    #[arg(long)]
    until: Option<u64>,
    /// Print only so many, the newest
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TAIL)))]
    tail: Option<u32>,
    /// Print hashes of passwords and of secrets as well; they are blank without it
    #[arg(long)]
    with_secrets: bool,
    /// Print what items said that have expired as well; it is null without it
    #[arg(long)]
    with_expired: bool,
}

impl Log {
    pub(super) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let log = OfflineLog::open(&wiring::storage_options(&self.data, 0)?)?;
        let id = ProjectId::parse(&self.project).map_err(Failure::failed)?;
        let number = log.project(&id)?;
        let unknown = || Failure::failed(format!("there is no project {id} in this log"));
        let until = Offset(self.until.unwrap_or(u64::MAX));
        let number = number.ok_or_else(unknown)?;
        let expirations = match self.with_expired {
            true => Expirations::default(),
            false => Expirations::of(log.log().as_ref(), number),
        };
        let events = log.events(number, Offset(self.from));
        let mut events = events.take_while(|recorded| {
            recorded
                .as_ref()
                .map_or(true, |recorded| recorded.envelope.offset <= until)
        });
        let mut out = BufWriter::new(io::stdout().lock());
        let mut print = |recorded: Recorded| {
            let recorded = expirations.withhold(recorded);
            match self.with_secrets {
                true => print(&mut out, &recorded),
                false => print(&mut out, &without_secrets(recorded)),
            }
        };
        let printed = match self.tail {
            Some(count) => {
                // a tail of a damaged log would hide the damage: it is read from `from` on
                let mut newest = VecDeque::new();
                for recorded in &mut events {
                    newest.push_back(recorded?);
                    if newest.len() > usize::try_from(count).unwrap_or(usize::MAX) {
                        newest.pop_front();
                    }
                }
                newest.into_iter().try_for_each(&mut print)
            }
            None => {
                let mut printed = Ok(());
                for recorded in &mut events {
                    printed = print(recorded?);
                    if printed.is_err() {
                        break;
                    }
                }
                printed
            }
        };
        match printed.and_then(|()| out.flush()) {
            // whoever reads has seen enough
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        }
    }
}

fn print(out: &mut impl Write, recorded: &Recorded) -> io::Result<()> {
    Line::of(recorded).write(&mut *out)?;
    out.write_all(b"\n")
}
