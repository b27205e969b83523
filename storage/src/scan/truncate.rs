use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use super::damage::ScanDamage;
use super::findings::Tail;
use super::journals::scan_journals;

/// Why a journal was not cut.
#[derive(Debug, thiserror::Error)]
pub enum TruncateError {
    /// The folder could not be scanned again.
    #[error(transparent)]
    Scan(#[from] ScanDamage),
    /// The place is not where the active journal's last whole batch ends before a torn one.
    #[error("{}: asked to cut at byte {asked}, but the active journal ends with {found:?}; scan again", journal.display())]
    NotTorn {
        /// The file that was to be cut.
        journal: PathBuf,
        /// The place that was asked for.
        asked: u64,
        /// What a new scan found; `None` where the file is not the active journal.
        found: Option<Tail>,
    },
}

/// Cuts a torn tail off the active journal, at the end of its last whole batch, and syncs it.
///
/// The caller has judged that nobody was told of the torn batch (the witnesses are not ahead of
/// the last whole one), and owns the folder. Only a tail that a new scan calls [`Tail::Torn`] at
/// this very place is cut, so a mistaken call cannot lose a whole batch. Afterwards fjall 3.1.13
/// opens where it refused before with `ChecksumMismatch`, with every whole batch.
///
/// # Errors
/// Where the tail is not torn there, or the folder cannot be read or the file written.
pub fn truncate_torn(journal: &Path, at: u64) -> Result<(), TruncateError> {
    // the parent of a bare file name is empty, and no folder
    let folder = journal
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let scan = scan_journals(folder, &mut |_, _| {})?;
    let active = scan
        .journals
        .last()
        .filter(|active| active.path.file_name() == journal.file_name());
    let found = active.map(|active| active.tail);
    match found {
        Some(Tail::Torn { at: torn, .. }) if torn == at => {
            let cut = cut(journal, at);
            cut.map_err(|error| TruncateError::Scan(ScanDamage::io(journal, error)))
        }
        _ => Err(TruncateError::NotTorn {
            journal: journal.to_path_buf(),
            asked: at,
            found,
        }),
    }
}

/// Leaves nothing of a file from a byte on, and syncs it. The caller knows what it cuts.
pub(crate) fn cut(path: &Path, at: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(at)?;
    file.sync_all()
}
