use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::batch::JournalItem;
use super::damage::{Defect, ScanDamage};
use super::entry::Flaw;
use super::replay::{Course, FileScan};
use super::window::FileWindow;

/// What the journals of a database folder hold, oldest first.
#[derive(Debug)]
pub struct JournalScan {
    /// Every journal; the last is the active one.
    pub journals: Vec<JournalFile>,
}

/// One journal file.
#[derive(Debug)]
pub struct JournalFile {
    /// The number in its name.
    pub id: u64,
    /// The file.
    pub path: PathBuf,
    /// Bytes of the file, zeros that fjall reserved included.
    pub len: u64,
    /// Whole batches from the file's beginning, without a break.
    pub batches: u64,
    /// The sequence number of the last of them.
    pub last_seqno: Option<u64>,
    /// The byte where the last of them ends; 0 where there is none.
    pub whole_until: u64,
    /// What follows there.
    pub tail: Tail,
}

/// What follows the last whole batch of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The end of the file, or zeros up to it. Batches lost so that nothing but zeros, or
    /// nothing, is left of them look like this too; numbers without gaps and the witnesses tell.
    Clean,
    /// Rubble with no whole batch beyond it, at the end of the active journal: a batch that was
    /// being written, or bytes that a power loss left of it. Nothing says that anybody was told of
    /// it; the witnesses may.
    Torn {
        /// Where the torn batch should start: the end of the last whole one.
        at: u64,
        /// Bytes from there to the last one that is not zero.
        bytes: u64,
        /// What was wrong.
        flaw: Flaw,
    },
    /// Unreadable bytes and proof that later ones were written. Where every batch is synced before
    /// the next one begins, acknowledged history is lost. A database that is written without
    /// syncing (`PersistMode::Buffer`) can look like this after a power loss, and must be rebuilt.
    Damaged(Damage),
}

/// Damage in the middle of the journals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Where the lost batch should start: the end of the last whole one before.
    pub at: u64,
    /// What was wrong.
    pub flaw: Flaw,
    /// What shows that this is no torn tail.
    pub evidence: Evidence,
}

/// What shows that a batch is damaged rather than torn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The next whole batch of the same file.
    WholeBatch {
        /// Where it starts.
        at: u64,
        /// Its sequence number.
        seqno: u64,
    },
    /// The journal is sealed: it was synced before the next one was made.
    LaterJournal {
        /// The number of the next one.
        id: u64,
    },
    /// None found, but the search gave up: too many bytes look like starts of batches.
    Unsearched,
}

/// Whether a whole batch stands in an unbroken line from the first journal on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// fjall replays it.
    InSequence,
    /// Something before it is damaged; what it holds tells how much.
    AfterDamage,
}

/// A batch that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeBatch {
    /// The number of its journal.
    pub journal: u64,
    /// The bytes that it takes in the file.
    pub range: Range<u64>,
    /// The sequence number that fjall gave it; it rises from batch to batch.
    pub seqno: u64,
    /// How many items it has, keyspaces cleared included.
    pub items: u32,
    /// Whether all before it is whole.
    pub standing: Standing,
}

impl JournalScan {
    /// The first damage, with its file.
    #[must_use]
    pub fn damage(&self) -> Option<(&JournalFile, Damage)> {
        self.journals.iter().find_map(|journal| match journal.tail {
            Tail::Damaged(damage) => Some((journal, damage)),
            Tail::Clean | Tail::Torn { .. } => None,
        })
    }

    /// The active journal, where its tail is torn; [`truncate_torn`](super::truncate_torn) mends
    /// it at [`JournalFile::whole_until`].
    #[must_use]
    pub fn torn(&self) -> Option<&JournalFile> {
        self.journals
            .last()
            .filter(|active| matches!(active.tail, Tail::Torn { .. }))
    }
}

/// Reads every journal of the folder, in order, and shows every item of every whole batch.
///
/// The file is read and hashed once and its items once more from memory. Memory: a window of
/// 1 MiB, or the largest item where that is larger, and its decompressed value.
///
/// # Errors
/// Where a file cannot be read, or the set of journals is not one that fjall leaves: a name that
/// is no number, a number missing between two others, or no journal at all. Damage inside of
/// journals is no error but a [`Tail`].
///
/// # Keyspaces that are cleared or deleted
/// Sequence numbers must rise, as no checksum covers them. After a keyspace was cleared this is no
/// longer expected; where one was *deleted*, and the newest batches held nothing else, opening the
/// database starts from a lower number, and the scan calls that damage.
pub fn scan_journals(
    folder: &Path,
    visit: &mut dyn FnMut(&WholeBatch, JournalItem<'_>),
) -> Result<JournalScan, ScanDamage> {
    let files = list_journals(folder)?;
    refuse_gaps(folder, &files)?;
    let mut course = Course::new();
    let mut journals = Vec::with_capacity(files.len());
    for (index, (id, path)) in files.iter().enumerate() {
        let later = files.get(index + 1).map(|(id, _)| *id);
        let scan = FileScan {
            id: *id,
            later,
            course: &mut course,
            window: FileWindow::open(path)?,
        };
        journals.push(scan.run(visit)?);
    }
    Ok(JournalScan { journals })
}

/// The journals by rising number.
pub(super) fn list_journals(folder: &Path) -> Result<Vec<(u64, PathBuf)>, ScanDamage> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| ScanDamage::io(folder, error))? {
        let entry = entry.map_err(|error| ScanDamage::io(folder, error))?;
        let path = entry.path();
        let stray = || {
            ScanDamage::new(
                &path,
                Defect::Stray {
                    expected: "journals named by a number and .jnl",
                },
            )
        };
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(stray());
        };
        let Some((stem, extension)) = name.rsplit_once('.') else {
            continue;
        };
        if stem.is_empty() || !extension.eq_ignore_ascii_case("jnl") {
            continue;
        }
        let is_file = entry
            .file_type()
            .map_err(|error| ScanDamage::io(&path, error))?
            .is_file();
        match stem.parse() {
            Ok(id) if is_file && extension == "jnl" => files.push((id, path)),
            _ => return Err(stray()),
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// fjall numbers journals without gaps, deletes the oldest first, and always has an active one.
fn refuse_gaps(folder: &Path, files: &[(u64, PathBuf)]) -> Result<(), ScanDamage> {
    let missing = |id: u64| {
        Err(ScanDamage::new(
            &folder.join(format!("{id}.jnl")),
            Defect::Missing,
        ))
    };
    let Some((first, _)) = files.first() else {
        return missing(0);
    };
    for (expected, (id, _)) in (*first..).zip(files) {
        if *id != expected {
            return missing(expected);
        }
    }
    Ok(())
}
