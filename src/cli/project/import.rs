//! `everlog project import`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use everlog_storage::{ImportFailure, ImportOptions, TransferKey};

use crate::cli::failure::Failure;
use crate::cli::offline::expect_folder;
use crate::cli::progress::Progress;
use crate::clock;
use crate::config::DataOptions;
use crate::wiring;

/// Take in a project that `everlog project export` wrote, while no server runs. Every event is
/// proved on arrival; the project appears whole, or nothing of it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    data: DataOptions,
    /// The project's file
    file: PathBuf,
    /// File of the transfer key that the export was made with
    #[arg(long, env = "EVERLOG_TRANSFER_KEY_FILE")]
    transfer_key_file: PathBuf,
}

impl Import {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let options = ImportOptions {
            folder: wiring::storage_options(&self.data, 0)?,
            file: self.file,
            transfer_key: TransferKey::read(&self.transfer_key_file)?,
            now: clock::now(),
        };
        let progress = Progress::new();
        let report = everlog_storage::import_project(&options, &mut |step| progress.show(step));
        drop(progress);
        let report = report.map_err(|failure| match failure {
            // what is there is not what it should be
            ImportFailure::Refused(_)
            | ImportFailure::NoFile { .. }
            | ImportFailure::Damaged { .. }
            | ImportFailure::WrongTransferKey { .. }
            | ImportFailure::Keys(_)
            | ImportFailure::Read(_) => Failure::Refused(failure.to_string()),
            ImportFailure::ProjectExists { .. }
            | ImportFailure::SameProject { .. }
            | ImportFailure::Io { .. } => Failure::failed(failure),
        })?;
        Ok(writeln!(
            std::io::stdout(),
            "{}: project {} up to offset {}, with {} data keys",
            options.folder.data.display(),
            report.project,
            report.last,
            report.keys
        )?)
    }
}
