//! `everlog project export`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use everlog_domain::ids::ProjectId;
use everlog_storage::{ExportFailure, ExportOptions, TransferKey};

use crate::cli::failure::Failure;
use crate::cli::offline::expect_folder;
use crate::cli::progress::Progress;
use crate::config::DataOptions;
use crate::wiring;

/// Write a project into a file, for `everlog project import` on another server: its events with
/// their hashes, and its data keys, wrapped by a transfer key. Also while a server runs.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    data: DataOptions,
    /// The project's id
    id: String,
    /// The new file
    file: PathBuf,
    /// File of the transfer key (64 hexadecimal characters); made if there is none. Send it by
    /// another way than the project's file, and destroy it after the import: with both, everything
    /// can be read
    #[arg(long, env = "EVERLOG_TRANSFER_KEY_FILE")]
    transfer_key_file: PathBuf,
}

impl Export {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data.data)?;
        let path = &self.transfer_key_file;
        let is_new = !path.exists();
        let transfer_key = match is_new {
            true => TransferKey::generate(),
            false => TransferKey::read(path),
        }?;
        let options = ExportOptions {
            folder: wiring::storage_options(&self.data, 0)?,
            project: ProjectId::parse(&self.id).map_err(Failure::failed)?,
            to: self.file,
            transfer_key,
        };
        if is_new {
            options.transfer_key.write(path)?;
        }
        let progress = Progress::new();
        let report = everlog_storage::export_project(&options, &mut |step| progress.show(step));
        drop(progress);
        let report = report.map_err(|failure| match failure {
            ExportFailure::Log(failure) => Failure::from(failure),
            ExportFailure::MasterKey(_) | ExportFailure::Keys(_) => {
                Failure::Refused(failure.to_string())
            }
            ExportFailure::Console
            | ExportFailure::Exists { .. }
            | ExportFailure::NoProject { .. }
            | ExportFailure::Io { .. } => Failure::failed(failure),
        })?;
        Ok(writeln!(
            std::io::stdout(),
            "{}: project {} up to offset {}, with {} data keys wrapped by the transfer key in {}",
            options.to.display(),
            options.project,
            report.last,
            report.keys,
            path.display()
        )?)
    }
}
