//! Databases that can be made again from the log: they are mended before fjall looks, and what
//! cannot be mended is for the caller to throw away.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use thiserror::Error;

use crate::scan::{
    Change, Defect, FolderState, ScanDamage, check_tables, cut, folder_state, scan_journals,
    truncate_torn, verify_newest,
};

/// The newest tables of about this size in all are read whole when a folder is opened: damage in
/// older ones is met by whoever reads them.
const READ_WHOLE_BYTES: u64 = 128 << 20;

/// Why a derived database does not open.
#[derive(Debug, Error)]
pub(crate) enum DerivedFailure {
    /// It does not read: making it again helps.
    #[error("{reason}")]
    Damaged { reason: String },
    /// The disk or the operating system refused. Making it again would not help.
    #[error("{reason}")]
    Engine { reason: String },
}

/// Opens a database in a folder, or makes it. What a power loss took from its newest journal is
/// cut off: the log has it, and it is derived again.
pub(crate) fn open_derived<T>(
    folder: &Path,
    open: impl FnOnce() -> fjall::Result<T>,
) -> Result<T, DerivedFailure> {
    prepare(folder)?;
    // fjall has assertions about its own files. What is derived can be made anew, so a panic over
    // its bytes must not become a crash at every start.
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) if is_of_the_world(&error) => Err(refused(&error)),
        Ok(Err(error)) => Err(damaged(&error)),
        Err(_) => Err(damaged(&"the engine panicked over its files")),
    }
}

/// The newest value that the journals hold of a key, without opening the database: how far it had
/// followed the log, which makes it a witness. Nothing if the journals hold none; older ones may
/// then lie in the tables.
pub(crate) fn newest_in_journals<T: Ord>(
    folder: &Path,
    wanted: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, ScanDamage> {
    if folder_state(folder)? != FolderState::Database {
        return Ok(None);
    }
    let mut newest = None;
    scan_journals(folder, &mut |_, item| {
        if let Change::Insert { key, value } = item.change
            && key == wanted
        {
            newest = decode(value).max(newest.take());
        }
    })?;
    Ok(newest)
}

/// Removes what is left of a derived database.
pub(crate) fn remove_derived(folder: &Path) -> Result<(), DerivedFailure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(&error)),
        _ => Ok(()),
    }
}

/// Looks before fjall does: it would mend in silence, panic, or ask for gigabytes of memory.
fn prepare(folder: &Path) -> Result<(), DerivedFailure> {
    match folder_state(folder)? {
        FolderState::Absent => Ok(()),
        FolderState::Unfinished => remove_derived(folder),
        FolderState::WithoutLock => {
            fs::write(folder.join("lock"), []).map_err(|error| refused(&error))?;
            check_files(folder)
        }
        FolderState::Database => check_files(folder),
    }
}

fn check_files(folder: &Path) -> Result<(), DerivedFailure> {
    verify_newest(&check_tables(folder)?, READ_WHOLE_BYTES)?;
    let journals = scan_journals(folder, &mut |_, _| {})?;
    let Some((file, found)) = journals.damage() else {
        // A batch that a power loss tore: the log has it, and it is derived again.
        return match journals.torn() {
            Some(torn) => {
                truncate_torn(&torn.path, torn.whole_until).map_err(|error| damaged(&error))
            }
            None => Ok(()),
        };
    };
    let (path, at) = (file.path.display(), found.at);
    let is_active = journals.journals.last().map(|active| active.id) == Some(file.id);
    if !is_active {
        return Err(damaged(&format_args!("{path} is damaged at byte {at}")));
    }
    // It is not synced with each batch, so a power loss leaves any of its newest pages behind: what
    // is lost is a number of the newest batches, and the log has them. Journals before it were
    // synced.
    tracing::warn!(%path, at, "a journal is damaged: what follows is derived again");
    cut(&file.path, at).map_err(|error| refused(&error))
}

/// Whether an error is the world's and not the files'.
pub(crate) fn is_of_the_world(error: &fjall::Error) -> bool {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            !is_of_files(error)
        }
        fjall::Error::Locked | fjall::Error::Poisoned => true,
        _ => false,
    }
}

/// Whether an error of the operating system says that a file is not as it was written.
fn is_of_files(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound, UnexpectedEof};
    matches!(
        error.kind(),
        NotFound | UnexpectedEof | InvalidData | IsADirectory | NotADirectory
    )
}

fn refused(reason: &dyn std::fmt::Display) -> DerivedFailure {
    DerivedFailure::Engine {
        reason: reason.to_string(),
    }
}

fn damaged(reason: &dyn std::fmt::Display) -> DerivedFailure {
    DerivedFailure::Damaged {
        reason: reason.to_string(),
    }
}

impl From<ScanDamage> for DerivedFailure {
    fn from(found: ScanDamage) -> Self {
        match &found.defect {
            Defect::Unreadable(error) if !is_of_files(error) => refused(&found),
            _ => damaged(&found),
        }
    }
}
