use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::ManifestEntry;
use everlog_domain::ports::{Log, ReadFailure};
use parking_lot::Mutex;
use thiserror::Error;

use super::folder::append;
use super::note::Note;
use crate::log::EmbeddedLog;

/// Up to which batch checkpoints were written; a hint that saves work, not a witness.
const REACHED: &str = "reached";
/// Contents pages that are read at a time.
const PAGES: usize = 4096;

/// Why checkpoints were not written.
#[derive(Debug, Error)]
pub enum CheckpointFailure {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadFailure),
    /// A file could not be written.
    #[error("{}: {error}", folder.display())]
    Io {
        /// The folder of checkpoints.
        folder: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

/// Writes checkpoints of the projects that have changed.
pub struct Checkpoints {
    log: Arc<EmbeddedLog>,
    folders: Vec<PathBuf>,
    reached: Mutex<CommitNumber>,
}

impl Checkpoints {
    /// Writes into a folder inside of the data folder, which remembers how far it has got, and
    /// into one outside where there is one.
    pub(crate) fn new(log: Arc<EmbeddedLog>, inside: PathBuf, outside: Option<PathBuf>) -> Self {
        let reached = fs::read_to_string(inside.join(REACHED)).ok();
        let reached = reached.and_then(|text| text.trim().parse().ok());
        // a hint that is ahead of the log would leave projects out
        let reached = CommitNumber(reached.unwrap_or(0)).min(log.head());
        Self {
            log,
            folders: [inside].into_iter().chain(outside).collect(),
            reached: Mutex::new(reached),
        }
    }

    /// Batches since the last checkpoints.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.log.head().0.saturating_sub(self.reached.lock().0)
    }

    /// Signs the newest state of every project that has changed since the last time, and syncs it
    /// to every folder. Answers with how many projects those are. Blocking: it waits for the disk.
    pub fn write(&self) -> Result<usize, CheckpointFailure> {
        let mut reached = self.reached.lock();
        let mut projects = 0;
        loop {
            let pages = self.log.manifests(*reached, PAGES)?;
            let Some(newest) = pages.last().map(|page| page.commit) else {
                return Ok(projects);
            };
            let entries = pages.iter().flat_map(|page| &page.entries);
            let heads: BTreeMap<ProjectNumber, &ManifestEntry> =
                entries.map(|entry| (entry.project, entry)).collect();
            for folder in &self.folders {
                self.write_to(folder, &heads)
                    .map_err(|error| CheckpointFailure::Io {
                        folder: folder.clone(),
                        error,
                    })?;
            }
            projects += heads.len();
            *reached = newest;
            self.remember(newest);
        }
    }

    fn write_to(
        &self,
        folder: &Path,
        heads: &BTreeMap<ProjectNumber, &ManifestEntry>,
    ) -> io::Result<()> {
        make(folder)?;
        for entry in heads.values() {
            let note = Note {
                uid: entry.uid,
                offset: entry.last,
                head: entry.head,
            };
            append(folder, entry.uid, &note.sign(self.log.keys().signing()))?;
        }
        Ok(())
    }

    fn remember(&self, reached: CommitNumber) {
        let Some(inside) = self.folders.first() else {
            return;
        };
        let new = inside.join("reached.new");
        let written = fs::write(&new, format!("{reached}\n"))
            .and_then(|()| fs::rename(&new, inside.join(REACHED)));
        if let Err(error) = written {
            tracing::warn!(%error, "how far checkpoints have got is not remembered");
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    match folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
