//! Opening the projection's folder.

use std::path::Path;

use everlog_domain::ids::CommitNumber;
use everlog_domain::ports::RowsFailure;
use everlog_domain::tables::system;
use thiserror::Error;

use super::layout;
use super::purges::Purges;
use super::range::KeyRange;
use super::store::{Reader, Store, Writes};
use crate::derived::{DerivedFailure, newest_in_journals, open_derived, remove_derived};
use crate::scan::ScanDamage;

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
    let store = open_derived(folder, || Store::open(folder))?;
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
    newest_in_journals(folder, layout::CHECKPOINT, decode_commit)
}

/// Removes what is left of a projection.
pub(super) fn remove_folder(folder: &Path) -> Result<(), OpenFailure> {
    Ok(remove_derived(folder)?)
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

impl From<DerivedFailure> for OpenFailure {
    fn from(failure: DerivedFailure) -> Self {
        match failure {
            DerivedFailure::Damaged { reason } => Self::Damaged { reason },
            DerivedFailure::Engine { reason } => Self::Engine { reason },
        }
    }
}

impl From<RowsFailure> for OpenFailure {
    fn from(failure: RowsFailure) -> Self {
        match failure {
            RowsFailure::Engine { .. } => Self::Engine {
                reason: failure.to_string(),
            },
            _ => Self::Damaged {
                reason: failure.to_string(),
            },
        }
    }
}
