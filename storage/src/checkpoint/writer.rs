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
    folders: Mutex<Vec<Witness>>,
}

/// A folder of checkpoints. Each remembers by itself how far it has got: one that is named later,
/// was emptied, or failed, gets what it does not have, and the others get nothing twice.
struct Witness {
    folder: PathBuf,
    /// Name of the file that says how far.
    hint: String,
    reached: CommitNumber,
}

impl Checkpoints {
    /// Writes into a folder inside of the data folder, and into one outside where there is one.
    pub(crate) fn new(log: Arc<EmbeddedLog>, inside: PathBuf, outside: Option<PathBuf>) -> Self {
        let head = log.head();
        // a folder outside may have checkpoints of other data folders too
        let key = log.keys().signing().verifying_key();
        let own = format!("{REACHED}-{}", hex::encode(&key.as_bytes()[..8]));
        let outside = outside.map(|folder| Witness::of(folder, own, head));
        let inside = Witness::of(inside, REACHED.to_owned(), head);
        Self {
            log,
            folders: Mutex::new([inside].into_iter().chain(outside).collect()),
        }
    }

    /// Batches since the last checkpoints.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let folders = self.folders.lock();
        let reached = folders.iter().map(|witness| witness.reached.0).min();
        self.log.head().0.saturating_sub(reached.unwrap_or(0))
    }

    /// Signs the newest state of every project that has changed since the last time, and syncs it
    /// to every folder; one that fails does not keep the others from theirs. Answers with how many
    /// projects those are, in the folder that got most. Blocking: it waits for the disk.
    pub fn write(&self) -> Result<usize, CheckpointFailure> {
        let mut folders = self.folders.lock();
        let written = folders.iter_mut().map(|witness| self.write_to(witness));
        let written: Vec<_> = written.collect();
        written
            .into_iter()
            .try_fold(0, |most, projects| Ok(projects?.max(most)))
    }

    fn write_to(&self, witness: &mut Witness) -> Result<usize, CheckpointFailure> {
        let mut projects = 0;
        loop {
            let pages = self.log.manifests(witness.reached, PAGES)?;
            let Some(newest) = pages.last().map(|page| page.commit) else {
                return Ok(projects);
            };
            let entries = pages.iter().flat_map(|page| &page.entries);
            let heads: BTreeMap<ProjectNumber, &ManifestEntry> =
                entries.map(|entry| (entry.project, entry)).collect();
            self.append_to(&witness.folder, &heads)
                .map_err(|error| CheckpointFailure::Io {
                    folder: witness.folder.clone(),
                    error,
                })?;
            projects += heads.len();
            witness.reached = newest;
            witness.remember();
        }
    }

    fn append_to(
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
}

impl Witness {
    fn of(folder: PathBuf, hint: String, head: CommitNumber) -> Self {
        let reached = fs::read_to_string(folder.join(&hint)).ok();
        let reached = reached.and_then(|text| text.trim().parse().ok());
        // a hint that is ahead of the log would leave projects out
        let reached = CommitNumber(reached.unwrap_or(0)).min(head);
        Self {
            folder,
            hint,
            reached,
        }
    }

    fn remember(&self) {
        let new = self.folder.join(format!("{}.new", self.hint));
        let written = fs::write(&new, format!("{}\n", self.reached))
            .and_then(|()| fs::rename(&new, self.folder.join(&self.hint)));
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
