//! `everlog repair`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use everlog_storage::{RepairFailure, RepairReport};

use super::failure::Failure;
use super::offline::expect_folder;
use super::progress::Progress;
use crate::config::DataOptions;
use crate::wiring;

/// Mend a copy of a data folder that does not open. The folder itself is only read.
#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    data: DataOptions,
    /// Where the mended copy goes: a new folder
    #[arg(long)]
    to: PathBuf,
}

impl Repair {
    pub(super) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let options = wiring::storage_options(&self.data, 0)?;
        let progress = Progress::new();
        let report = everlog_storage::repair(&options, &self.to, &mut |step| progress.show(step));
        drop(progress);
        let report = report.map_err(|failure| match failure {
            RepairFailure::Refused(refused) => Failure::from(refused),
            RepairFailure::Unmendable { .. } => Failure::Refused(failure.to_string()),
            RepairFailure::NotEmpty { .. } | RepairFailure::Io { .. } => Failure::failed(failure),
        })?;
        self.print(&report)
    }

    fn print(&self, report: &RepairReport) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let RepairReport {
            commit,
            projects,
            lost,
            against,
        } = report;
        writeln!(
            out,
            "{}: {projects} projects up to batch {commit}",
            self.to.display()
        )?;
        if let Some(reason) = against {
            writeln!(out, "the next batch was left out: {reason}")?;
        }
        for lost in lost {
            let (project, kept, seen) = (lost.project, lost.kept, lost.seen);
            writeln!(
                out,
                "project {project}: kept up to offset {kept}, lost at least up to {seen}"
            )?;
        }
        if lost.is_empty() {
            writeln!(out, "nothing that was acknowledged is known to be lost")?;
        }
        Ok(())
    }
}
