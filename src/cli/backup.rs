//! `everlog backup`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use everlog_storage::BackupReport;

use super::failure::Failure;
use super::offline::expect_folder;
use super::progress::Progress;

/// Copy the log of a data folder into a backup, also while a server writes to it; a second backup
/// into the same folder adds what is new. The backup has no keys: see --with-keys.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Folder of the data
    #[arg(long, env = "EVERLOG_DATA", default_value = "everlog-data")]
    data: PathBuf,
    /// The backup's folder: a new one, or that of an earlier backup of this log
    #[arg(long)]
    to: PathBuf,
    /// Write the keys, wrapped by the master key, into this file, which a restore needs. Keep it
    /// elsewhere than the backup: whatever is erased by the destruction of a key is erased from the
    /// backup too once no such file has the key
    #[arg(long)]
    with_keys: Option<PathBuf>,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        expect_folder(&self.data)?;
        let progress = Progress::new();
        let keys = self.with_keys.as_deref();
        let report =
            everlog_storage::back_up(&self.data, &self.to, keys, &mut |step| progress.show(step));
        drop(progress);
        self.print(&report?)
    }

    fn print(&self, report: &BackupReport) -> Result<(), Failure> {
        let BackupReport {
            commit,
            time,
            added,
            events,
            projects,
            keys,
        } = report;
        let mut out = std::io::stdout().lock();
        let to = self.to.display();
        match time {
            Some(time) => writeln!(
                out,
                "{to}: {events} events of {projects} projects up to batch {commit}, {time}; {added} batches are new"
            )?,
            None => writeln!(out, "{to}: the log is empty")?,
        }
        if let (Some(path), Some(keys)) = (&self.with_keys, keys) {
            writeln!(out, "{}: {keys} wrapped keys", path.display())?;
        }
        Ok(())
    }
}
