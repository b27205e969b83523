//! What the key store's folder holds, read before fjall opens it and changes it.

use std::path::{Path, PathBuf};

use crate::keys::BATCHES;
use crate::scan::{
    Change, FolderState, JournalScan, ScanDamage, TableReport, check_tables, folder_state,
    scan_journals, verify_tables,
};

/// Tables up to this size in all are read whole when the folder is opened; beyond it, opening
/// would take longer the more keys there are, and only `everlog verify` reads them.
const READ_WHOLE_BYTES: u64 = 64 << 20;

/// A database folder as far as the scan can tell.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) state: FolderState,
    /// The active journal and the place at which to cut it, where its tail is torn.
    pub(super) torn: Option<(PathBuf, u64)>,
}

/// What the key store's folder holds.
pub(super) struct KeysFindings {
    pub(super) folder: Folder,
    /// The newest whole batch, in journals or tables.
    pub(super) newest: u64,
}

/// # Errors
/// What is damaged, as a sentence: keys have no place in a project's log.
pub(super) fn inspect_keys(path: &Path) -> Result<KeysFindings, String> {
    let nowhere = |damage: ScanDamage| damage.to_string();
    let Some((state, tables)) = look(path).map_err(nowhere)? else {
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
        return Err(format!(
            "{}, byte {}: {:?}, {:?}",
            journal.path.display(),
            damage.at,
            damage.flaw.kind,
            damage.evidence
        ));
    }
    Ok(KeysFindings {
        folder: Folder::of(path, state, &scan),
        newest,
    })
}

/// The state and the tables of a folder with history; nothing where there is none.
fn look(path: &Path) -> Result<Option<(FolderState, TableReport)>, ScanDamage> {
    let state = folder_state(path)?;
    match state {
        FolderState::Absent | FolderState::Unfinished => return Ok(None),
        FolderState::Database | FolderState::WithoutLock => {}
    }
    let tables = check_tables(path)?;
    let keyspaces = tables.keyspaces.iter().chain([&tables.meta]);
    let bytes: u64 = keyspaces
        .flat_map(|keyspace| keyspace.tables.iter().map(|table| table.len))
        .sum();
    if bytes <= READ_WHOLE_BYTES {
        let verified = verify_tables(path, &mut |_| {})?;
        if let Some(damage) = verified.damaged.into_iter().next() {
            return Err(damage);
        }
    }
    Ok(Some((state, tables)))
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
