//! `everlog restore`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use everlog_domain::ids::{CommitNumber, Offset, ProjectId};
use everlog_domain::time::Time;
use everlog_storage::{Point, RestoreFailure, RestoreOptions, RestoreReport};

use super::failure::Failure;
use super::progress::Progress;
use crate::config::KeyOptions;
use crate::wiring;

/// Make a data folder out of a backup, whole or up to a point. With --checkpoint-dir, the backup is
/// also held against the checkpoints there.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup's folder
    #[arg(long)]
    from: PathBuf,
    /// The data folder: a new one
    #[arg(long)]
    to: PathBuf,
    /// The file that `everlog backup --with-keys` wrote
    #[arg(long)]
    keys: PathBuf,
    #[command(flatten)]
    master: KeyOptions,
    /// Restore this project alone, with the control plane
    #[arg(long)]
    project: Option<String>,
    /// Restore the other projects as well, as they stood when --project got to --at
    #[arg(long, requires = "project")]
    with_others: bool,
    /// Up to this offset of --project, or up to this time, as in 2026-08-21T12:42:38Z
    #[arg(long, value_parser = at)]
    at: Option<At>,
    /// Up to this batch
    #[arg(long, conflicts_with = "at")]
    at_commit: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Offset(Offset),
    Time(Time),
}

fn at(text: &str) -> Result<At, String> {
    if let Ok(offset) = text.parse() {
        return Ok(At::Offset(Offset(offset)));
    }
    let time = Time::parse(text).map(At::Time);
    time.ok_or_else(|| {
        format!("expected an offset, or a time as in 2026-08-21T12:42:38Z, found {text:?}")
    })
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let options = self.options()?;
        let progress = Progress::new();
        let report = everlog_storage::restore(&options, &mut |step| progress.show(step));
        drop(progress);
        let report = report.map_err(|failure| match failure {
            // what is there is not what it should be
            RestoreFailure::NoBackup { .. }
            | RestoreFailure::Damaged { .. }
            | RestoreFailure::KeysFile { .. }
            | RestoreFailure::KeysTooOld { .. }
            | RestoreFailure::Keys(_)
            | RestoreFailure::MasterKey(_)
            | RestoreFailure::MasterKeyNotGiven => Failure::Refused(failure.to_string()),
            RestoreFailure::Exists { .. }
            | RestoreFailure::CommitBeyond { .. }
            | RestoreFailure::OffsetBeyond { .. }
            | RestoreFailure::NoProject { .. }
            | RestoreFailure::Nothing
            | RestoreFailure::Io { .. } => Failure::failed(failure),
        })?;
        print(&options, &report)
    }

    fn options(self) -> Result<RestoreOptions, Failure> {
        let project = self.project.as_deref().map(ProjectId::parse).transpose();
        let project = project.map_err(Failure::failed)?;
        let point = match (self.at, self.at_commit) {
            (Some(At::Offset(_)), _) if project.is_none() => {
                let reason = "an offset is one of a project: name it with --project";
                return Err(Failure::Refused(reason.to_owned()));
            }
            (Some(At::Offset(offset)), _) => Point::Offset(offset),
            (Some(At::Time(time)), _) => Point::Time(time),
            (None, Some(commit)) => Point::Commit(CommitNumber(commit)),
            (None, None) => Point::Newest,
        };
        Ok(RestoreOptions {
            from: self.from,
            to: self.to,
            keys: self.keys,
            master_key: wiring::master_key(&self.master)?,
            checkpoint_dir: self.master.checkpoint_dir,
            project,
            with_others: self.with_others,
            point,
        })
    }
}

fn print(options: &RestoreOptions, report: &RestoreReport) -> Result<(), Failure> {
    let RestoreReport {
        commit,
        time,
        events,
        projects,
        cut_within_batch,
        empty,
    } = report;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{}: {events} events of {projects} projects up to batch {commit}, {time}",
        options.to.display()
    )?;
    if *cut_within_batch {
        writeln!(
            out,
            "the point lies within a batch, of which the first events were kept"
        )?;
    }
    if *empty > 0 {
        writeln!(
            out,
            "{empty} projects are named by the control plane and are empty here"
        )?;
    }
    if options.point != Point::Newest {
        writeln!(
            out,
            "checkpoints of later events do not go with this folder: serve it with a --checkpoint-dir of its own"
        )?;
    }
    Ok(())
}
