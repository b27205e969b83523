use std::fs;
use std::path::{Path, PathBuf};

use super::batch::JournalItem;
use super::damage::{Defect, ScanDamage};
use super::findings::{JournalScan, WholeBatch};
use super::replay::{Course, FileScan};
use super::window::FileWindow;

/// Reads every journal of the folder, in order, and shows every item of every whole batch.
///
/// The file is read and hashed once and its items once more from memory. Memory: a window of
/// 1 MiB, or the largest item where that is larger, and its decompressed value.
///
/// # Errors
/// Where a file cannot be read, or the set of journals is not one that fjall leaves: a name that
/// is no number, a number missing between two others, or no journal at all. Damage inside of
/// journals is no error but a [`Tail`](super::Tail).
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
