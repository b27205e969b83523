//! What the engines' folders hold, read before any engine opens them and changes them.

use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;

use super::history::{Break, History};
use super::refused::LostFrom;
use crate::keys::BATCHES;
use crate::log::{EVENTS, MANIFESTS, Mark};
use crate::record::{EventKey, decode_manifest};
use crate::scan::{
    Change, FolderState, JournalScan, ScanDamage, TableReport, check_tables, folder_state,
    scan_journals, verify_tables,
};

/// Tables up to this size in all are read whole when the folder is opened; beyond it, opening
/// would take longer the larger the log is, and only `everlog verify` reads them.
const READ_WHOLE_BYTES: u64 = 64 << 20;

/// A database folder as far as the scan can tell.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) state: FolderState,
    /// The active journal and the place at which to cut it, where its tail is torn.
    pub(super) torn: Option<(PathBuf, u64)>,
}

/// What the log's folder holds.
pub(super) struct LogFindings {
    pub(super) folder: Folder,
    pub(super) history: History,
    /// The newest whole batch, in journals or tables.
    pub(super) newest: CommitNumber,
}

/// What the key store's folder holds.
pub(super) struct KeysFindings {
    pub(super) folder: Folder,
    /// The newest whole batch, in journals or tables.
    pub(super) newest: u64,
}

/// What no opening may follow.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) lost_from: Option<LostFrom>,
    pub(super) reason: String,
}

pub(super) fn inspect_log(path: &Path, mark: Option<&Mark>) -> Result<LogFindings, Damage> {
    let mut history = History::default();
    let somewhere = |damage: ScanDamage| Damage {
        lost_from: History::default().first_missing(mark),
        reason: damage.to_string(),
    };
    let Some((state, tables)) = look(path).map_err(|damage| place_in_table(&damage, mark))? else {
        let state = folder_state(path).map_err(somewhere)?;
        return Ok(LogFindings {
            folder: Folder::without_history(path, state),
            history,
            newest: CommitNumber(0),
        });
    };
    let mut unreadable = None;
    let scan = scan_journals(path, &mut |batch, item| {
        let Change::Insert { key, value } = item.change else {
            return;
        };
        if tables.keyspace_name(item.keyspace) != Some(MANIFESTS) {
            return;
        }
        let number = key.try_into().map(u64::from_be_bytes).unwrap_or_default();
        match decode_manifest(CommitNumber(number), value) {
            Ok(page) => history.push(&page, batch.standing, mark),
            Err(error) => unreadable = unreadable.take().or(Some(error)),
        }
    })
    .map_err(somewhere)?;
    if let Some(error) = unreadable {
        return Err(Damage {
            lost_from: history.first_missing(mark),
            reason: format!("a contents page does not read: {error}"),
        });
    }
    let flushed = CommitNumber(newest_key(&tables, MANIFESTS));
    check_line(&history, &scan, flushed, mark)?;
    let newest = history
        .newest
        .map_or(flushed, |newest| newest.commit.max(flushed));
    Ok(LogFindings {
        folder: Folder::of(path, state, &scan),
        history,
        newest,
    })
}

/// Journals and tables together must hold every batch up to the newest.
fn check_line(
    history: &History,
    scan: &JournalScan,
    flushed: CommitNumber,
    mark: Option<&Mark>,
) -> Result<(), Damage> {
    if let Some(Break { lost_from, reason }) = &history.broken {
        return Err(Damage {
            lost_from: *lost_from,
            reason: reason.clone(),
        });
    }
    if let Some((journal, damage)) = scan.damage() {
        return Err(Damage {
            lost_from: history.first_missing(mark),
            reason: format!(
                "{}, byte {}: {:?}, {:?}",
                journal.path.display(),
                damage.at,
                damage.flaw.kind,
                damage.evidence
            ),
        });
    }
    match history.first {
        Some(first) if first > flushed.next() => Err(Damage {
            lost_from: history.first_missing(mark),
            reason: format!("tables end with batch {flushed}, journals begin with batch {first}"),
        }),
        _ => Ok(()),
    }
}

pub(super) fn inspect_keys(path: &Path) -> Result<KeysFindings, Damage> {
    let nowhere = |damage: ScanDamage| Damage {
        lost_from: None,
        reason: damage.to_string(),
    };
    let Some((state, tables)) = look(path).map_err(|damage| nowhere_in(&damage))? else {
        let state = folder_state(path).map_err(nowhere)?;
        return Ok(KeysFindings {
            folder: Folder::without_history(path, state),
            newest: 0,
        });
    };
    let mut newest = newest_key(&tables, BATCHES);
    let scan = scan_journals(path, &mut |_, item| {
        if let Change::Insert { key, .. } = item.change
            && tables.keyspace_name(item.keyspace) == Some(BATCHES)
            && let Ok(number) = key.try_into().map(u64::from_be_bytes)
        {
            newest = newest.max(number);
        }
    })
    .map_err(nowhere)?;
    if let Some((journal, damage)) = scan.damage() {
        return Err(Damage {
            lost_from: None,
            reason: format!(
                "{}, byte {}: {:?}, {:?}",
                journal.path.display(),
                damage.at,
                damage.flaw.kind,
                damage.evidence
            ),
        });
    }
    Ok(KeysFindings {
        folder: Folder::of(path, state, &scan),
        newest,
    })
}

/// A table that is damaged, if it is known which.
struct TableDamage {
    damage: Box<ScanDamage>,
    first_key: Option<Vec<u8>>,
}

/// The state and the tables of a folder with history; nothing where there is none.
fn look(path: &Path) -> Result<Option<(FolderState, TableReport)>, TableDamage> {
    let of_folder = |damage| TableDamage {
        damage: Box::new(damage),
        first_key: None,
    };
    let state = folder_state(path).map_err(of_folder)?;
    match state {
        FolderState::Absent | FolderState::Unfinished => return Ok(None),
        FolderState::Database | FolderState::WithoutLock => {}
    }
    let tables = check_tables(path).map_err(of_folder)?;
    let keyspaces = tables.keyspaces.iter().chain([&tables.meta]);
    let bytes: u64 = keyspaces
        .flat_map(|keyspace| keyspace.tables.iter().map(|table| table.len))
        .sum();
    if bytes <= READ_WHOLE_BYTES {
        let verified = verify_tables(path, &mut |_| {}).map_err(of_folder)?;
        if let Some(damage) = verified.damaged.into_iter().next() {
            return Err(TableDamage {
                first_key: first_key(&tables, &damage.file),
                damage: Box::new(damage),
            });
        }
    }
    Ok(Some((state, tables)))
}

fn first_key(tables: &TableReport, file: &Path) -> Option<Vec<u8>> {
    let events = tables.keyspace(EVENTS)?;
    let table = events.tables.iter().find(|table| table.path == file)?;
    Some(table.keys.start().clone())
}

fn place_in_table(table: &TableDamage, mark: Option<&Mark>) -> Damage {
    let lost_from = match table.first_key.as_deref().map(EventKey::parse) {
        Some(Some(EventKey::Record(place) | EventKey::Fragment(place, _))) => Some(LostFrom {
            project: place.project,
            offset: place.offset,
        }),
        Some(None) | None => History::default().first_missing(mark),
    };
    Damage {
        lost_from,
        reason: table.damage.to_string(),
    }
}

fn nowhere_in(table: &TableDamage) -> Damage {
    Damage {
        lost_from: None,
        reason: table.damage.to_string(),
    }
}

/// The number in the last key of a keyspace whose keys are numbers that only rise.
fn newest_key(tables: &TableReport, keyspace: &str) -> u64 {
    let last = tables.keyspace(keyspace).and_then(|found| found.last_key());
    last.and_then(|key| key.try_into().ok())
        .map_or(0, u64::from_be_bytes)
}

impl Folder {
    fn without_history(path: &Path, state: FolderState) -> Self {
        Self {
            path: path.to_path_buf(),
            state,
            torn: None,
        }
    }

    fn of(path: &Path, state: FolderState, scan: &JournalScan) -> Self {
        let torn = scan.torn();
        Self {
            path: path.to_path_buf(),
            state,
            torn: torn.map(|journal| (journal.path.clone(), journal.whole_until)),
        }
    }
}
