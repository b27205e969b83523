//! Cuts the journals of a copied key store where they are damaged, so that the engine opens with all
//! before.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::scan::{
    Defect, FolderState, ScanDamage, Tail, check_tables, cut, folder_state, scan_journals,
};

/// Why the journals cannot be cut so that the engine opens.
#[derive(Debug, Error)]
pub(super) enum CutError {
    #[error(transparent)]
    Scan(#[from] ScanDamage),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Leaves every whole batch before the first damage, and nothing after it.
pub(super) fn cut_journals(folder: &Path) -> Result<(), CutError> {
    match folder_state(folder)? {
        FolderState::Absent => return Ok(()),
        FolderState::Unfinished => return Ok(fs::remove_dir_all(folder)?),
        FolderState::WithoutLock => drop(File::create(folder.join("lock"))?),
        FolderState::Database => {}
    }
    check_tables(folder)?;
    let scan = match scan_journals(folder, &mut |_, _| {}) {
        Err(damage) => return cut_at_gap(folder, damage),
        Ok(scan) => scan,
    };
    for journal in &scan.journals {
        match journal.tail {
            Tail::Clean => {}
            Tail::Torn { at, .. } => return Ok(cut(&journal.path, at)?),
            Tail::Damaged(damage) => {
                remove_from(folder, journal.id + 1)?;
                return Ok(cut(&journal.path, damage.at)?);
            }
        }
    }
    Ok(())
}

/// What follows a missing journal does not follow from what is before it.
fn cut_at_gap(folder: &Path, damage: ScanDamage) -> Result<(), CutError> {
    let missing = match damage.defect {
        Defect::Missing => number_of(&damage.file),
        _ => None,
    };
    let Some(missing) = missing else {
        return Err(CutError::Scan(damage));
    };
    remove_from(folder, missing)?;
    // where no journal is left, the engine makes one
    match journals(folder)?.is_empty() {
        true => Ok(()),
        false => cut_journals(folder),
    }
}

fn remove_from(folder: &Path, first: u64) -> io::Result<()> {
    for path in journals(folder)? {
        if number_of(&path).is_some_and(|number| number >= first) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            found.push(path);
        }
    }
    Ok(found)
}

fn number_of(journal: &Path) -> Option<u64> {
    journal.file_stem()?.to_str()?.parse().ok()
}
