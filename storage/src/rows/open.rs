//! Opening the projection's folder.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use everlog_domain::ids::CommitNumber;
use everlog_domain::ports::RowsFailure;
use everlog_domain::tables::system;
use thiserror::Error;

use super::layout;
use super::purges::Purges;
use super::range::KeyRange;
use super::store::{Reader, Store, Writes, is_of_files, is_of_the_world};
use crate::scan::{
    Change, Defect, FolderState, ScanDamage, check_tables, folder_state, scan_journals,
    truncate_torn,
};

/// Why a projection was not opened.
#[derive(Debug, Error)]
pub enum OpenFailure {
    /// It was made by another version of the program: rebuild it.
    #[error("the rows were made by another version of everlog: they have to be rebuilt")]
    OtherVersion,
    /// It does not read: rebuild it.
    #[error("the rows are damaged and have to be rebuilt: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The disk or the operating system refused. Rebuilding would not help.
    #[error("the rows cannot be opened: {reason}")]
    Engine {
        /// What was said.
        reason: String,
    },
}

impl OpenFailure {
    /// Whether making the projection anew from the log helps.
    #[must_use]
    pub const fn calls_for_rebuild(&self) -> bool {
        match self {
            Self::OtherVersion | Self::Damaged { .. } => true,
            Self::Engine { .. } => false,
        }
    }
}

/// A projection as it was found.
pub(super) struct OpenedStore {
    pub(super) store: Store,
    pub(super) commit: CommitNumber,
    pub(super) purges: Purges,
}

/// Opens or makes the database, and reads how far it got.
pub(super) fn open(folder: &Path) -> Result<OpenedStore, OpenFailure> {
    prepare(folder)?;
    let store = open_store(folder)?;
    let reader = store.reader();
    let is_new = reader.range(&KeyRange::under(Vec::new())).next().is_none();
    if is_new {
        mark_new(&store)?;
        return Ok(OpenedStore {
            store,
            commit: CommitNumber(0),
            purges: Purges::default(),
        });
    }
    check_fingerprint(&reader)?;
    let commit = read_commit(&reader)?;
    let purges = Purges::load(&reader)?;
    Ok(OpenedStore {
        store,
        commit,
        purges,
    })
}

/// The newest commit in the journals, without opening the database: a witness of what the log
/// had. Nothing if the journals hold none; older ones may then lie in the tables.
pub fn peek_commit(folder: &Path) -> Result<Option<CommitNumber>, ScanDamage> {
    if folder_state(folder)? != FolderState::Database {
        return Ok(None);
    }
    let mut newest = None;
    scan_journals(folder, &mut |_, item| {
        if let Change::Insert { key, value } = item.change
            && key == layout::CHECKPOINT
        {
            newest = decode_commit(value).max(newest);
        }
    })?;
    Ok(newest)
}

/// Looks before fjall does: it would mend in silence, panic, or ask for gigabytes of memory.
fn prepare(folder: &Path) -> Result<(), OpenFailure> {
    match folder_state(folder)? {
        FolderState::Absent => Ok(()),
        FolderState::Unfinished => remove_folder(folder),
        FolderState::WithoutLock => {
            fs::write(folder.join("lock"), []).map_err(|error| refused(&error))?;
            check_files(folder)
        }
        FolderState::Database => check_files(folder),
    }
}

fn check_files(folder: &Path) -> Result<(), OpenFailure> {
    check_tables(folder)?;
    let journals = scan_journals(folder, &mut |_, _| {})?;
    let Some((file, found)) = journals.damage() else {
        // A batch that a power loss tore: the log has it, and it is projected again.
        return match journals.torn() {
            Some(torn) => {
                truncate_torn(&torn.path, torn.whole_until).map_err(|error| damage(&error))
            }
            None => Ok(()),
        };
    };
    let (path, at) = (file.path.display(), found.at);
    let is_active = journals.journals.last().map(|active| active.id) == Some(file.id);
    if !is_active {
        let reason = format!("{path} is damaged at byte {at}");
        return Err(OpenFailure::Damaged { reason });
    }
    tracing::warn!(%path, at, "the rows' journal is damaged: what follows is projected again");
    cut(&file.path, at).map_err(|error| refused(&error))
}

/// Cuts the active journal at the end of its last whole batch before the damage. It is not synced
/// with each batch, so a power loss leaves any of its newest pages behind: what is lost is a number
/// of the newest batches, and the log has them. Journals before it were synced.
fn cut(journal: &Path, at: u64) -> std::io::Result<()> {
    let file = fs::OpenOptions::new().write(true).open(journal)?;
    file.set_len(at)?;
    file.sync_all()
}

/// Removes what is left of a projection.
pub(super) fn remove_folder(folder: &Path) -> Result<(), OpenFailure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(refused(&error)),
        _ => Ok(()),
    }
}

fn open_store(folder: &Path) -> Result<Store, OpenFailure> {
    // fjall has assertions about its own files. A projection can be made anew, so a panic over
    // its bytes must not become a crash at every start.
    match catch_unwind(AssertUnwindSafe(|| Store::open(folder))) {
        Ok(Ok(store)) => Ok(store),
        Ok(Err(error)) if is_of_the_world(&error) => Err(refused(&error)),
        Ok(Err(error)) => Err(damage(&error)),
        Err(_) => Err(OpenFailure::Damaged {
            reason: "the engine panicked over its files".to_owned(),
        }),
    }
}

fn mark_new(store: &Store) -> Result<(), OpenFailure> {
    let mut writes = Writes::default();
    writes.put(layout::FINGERPRINT, fingerprint());
    writes.put(layout::CHECKPOINT, encode_commit(CommitNumber(0)));
    Ok(store.write(writes)?)
}

fn fingerprint() -> [u8; 32] {
    layout::fingerprint(&system::ALL)
}

fn check_fingerprint(reader: &Reader) -> Result<(), OpenFailure> {
    let found = reader.get(layout::FINGERPRINT)?;
    if found.as_deref() == Some(fingerprint().as_slice()) {
        return Ok(());
    }
    Err(OpenFailure::OtherVersion)
}

fn read_commit(reader: &Reader) -> Result<CommitNumber, OpenFailure> {
    let commit = checkpoint(reader)?;
    commit.ok_or_else(|| OpenFailure::Damaged {
        reason: "the checkpoint does not read".to_owned(),
    })
}

/// The commit of a state of the database.
pub(super) fn checkpoint(reader: &Reader) -> Result<Option<CommitNumber>, RowsFailure> {
    let value = reader.get(layout::CHECKPOINT)?;
    Ok(value.and_then(|value| decode_commit(&value)))
}

pub(super) const fn encode_commit(commit: CommitNumber) -> [u8; 8] {
    commit.0.to_be_bytes()
}

fn decode_commit(value: &[u8]) -> Option<CommitNumber> {
    Some(CommitNumber(u64::from_be_bytes(value.try_into().ok()?)))
}

fn refused(reason: &dyn std::fmt::Display) -> OpenFailure {
    OpenFailure::Engine {
        reason: reason.to_string(),
    }
}

fn damage(reason: &dyn std::fmt::Display) -> OpenFailure {
    OpenFailure::Damaged {
        reason: reason.to_string(),
    }
}

impl From<ScanDamage> for OpenFailure {
    fn from(found: ScanDamage) -> Self {
        match &found.defect {
            Defect::Unreadable(error) if !is_of_files(error) => refused(&found),
            _ => damage(&found),
        }
    }
}

impl From<RowsFailure> for OpenFailure {
    fn from(failure: RowsFailure) -> Self {
        match failure {
            RowsFailure::Engine { .. } => refused(&failure),
            _ => damage(&failure),
        }
    }
}
