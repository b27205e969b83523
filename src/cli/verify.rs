//! `everlog verify`

use std::io::Write;

use clap::Args;
use everlog_storage::{VerifyFailure, VerifyReport};

use super::failure::Failure;
use super::progress::Progress;
use crate::config::DataOptions;
use crate::wiring;

/// Prove that nothing in a data folder was altered, cut off or written anew. With
/// --checkpoint-dir, also against the checkpoints outside of the folder.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    data: DataOptions,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        super::offline::expect_folder(&self.data.data)?;
        let options = wiring::storage_options(&self.data, 0)?;
        let progress = Progress::new();
        let report = everlog_storage::verify(&options, &mut |step| progress.show(step));
        drop(progress);
        let report = report.map_err(|failure| match failure {
            VerifyFailure::Refused(refused) => Failure::from(refused),
            VerifyFailure::Checkpoints { .. } => Failure::failed(failure),
        })?;
        print(&report)?;
        match report.is_sound() {
            true => Ok(()),
            // a server would not open it, or should not
            false => Err(Failure::Refused(
                "the folder is not as it was written".to_owned(),
            )),
        }
    }
}

fn print(report: &VerifyReport) -> Result<(), Failure> {
    let mut err = std::io::stderr().lock();
    for finding in &report.findings {
        writeln!(err, "{finding}")?;
    }
    if report.more_findings > 0 {
        writeln!(err, "and {} findings more", report.more_findings)?;
    }
    if report.unreadable_checkpoints > 0 {
        let count = report.unreadable_checkpoints;
        writeln!(
            err,
            "{count} checkpoints were cut short and prove nothing, neither way"
        )?;
    }
    let VerifyReport {
        projects,
        batches,
        events,
        checkpoints,
        ..
    } = report;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{events} events in {batches} batches of {projects} projects read, {checkpoints} checkpoints compared"
    )?;
    Ok(())
}
