use std::cmp::Ordering;
use std::fs;
use std::path::Path;

use super::damage::{Defect, ScanDamage};
use super::journals::list_journals;
use super::search::is_blank;
use super::versions::CURRENT;
use super::window::FileWindow;

pub(super) const KEYSPACES: &str = "keyspaces";
pub(super) const TABLES: &str = "tables";
/// The folder of fjall's own keyspace, which names the others.
pub(super) const META_KEYSPACE: u64 = 0;
const MARKER: &str = "version";
const LOCK: &str = "lock";
/// What the marker holds: the magic bytes and the format of fjall 3.
const FORMAT: [u8; 4] = [b'F', b'J', b'L', 3];

/// What a folder is to fjall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderState {
    /// There is no folder, or nothing in it: opening makes a database.
    Absent,
    /// The process ended while the database was being made, and nothing was ever written to it.
    /// Without its marker fjall would fail for ever, so the folder should be removed, after the
    /// witnesses have been asked: a folder that somebody emptied can look alike.
    Unfinished,
    /// A database, whole as far as the marker says.
    Database,
    /// A database without its `lock` file, as some copies leave it: fjall fails with `NotFound`.
    /// An empty file of that name mends it.
    WithoutLock,
}

/// Tells what opening the folder would mean, by its marker.
///
/// # Errors
/// Where the marker is missing or wrong although there is content, or the folder cannot be read.
pub fn folder_state(folder: &Path) -> Result<FolderState, ScanDamage> {
    if is_empty(folder)? {
        return Ok(FolderState::Absent);
    }
    let marker = read_marker(&folder.join(MARKER))?;
    if was_never_used(folder)? {
        return Ok(FolderState::Unfinished);
    }
    marker.whole(folder)?;
    let lock = folder.join(LOCK).exists();
    Ok(if lock {
        FolderState::Database
    } else {
        FolderState::WithoutLock
    })
}

fn is_empty(folder: &Path) -> Result<bool, ScanDamage> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(ScanDamage::io(folder, error)),
    }
}

/// The marker is written last when a database is made, so a part of it is as good as none.
enum Marker {
    Whole,
    Unwritten(Defect),
}

impl Marker {
    fn whole(self, folder: &Path) -> Result<(), ScanDamage> {
        match self {
            Self::Whole => Ok(()),
            Self::Unwritten(defect) => Err(ScanDamage::new(&folder.join(MARKER), defect)),
        }
    }
}

/// The folder says by its marker that it is a database of the format of fjall 3.
pub(super) fn expect_marker(folder: &Path) -> Result<(), ScanDamage> {
    read_marker(&folder.join(MARKER))?.whole(folder)
}

fn read_marker(path: &Path) -> Result<Marker, ScanDamage> {
    let mut window = match FileWindow::open(path) {
        Err(ScanDamage {
            defect: defect @ Defect::Missing,
            ..
        }) => return Ok(Marker::Unwritten(defect)),
        opened => opened?,
    };
    let found = window.len();
    let expected = FORMAT.len() as u64;
    let bytes = window.chunk(0, expected)?;
    if bytes != FORMAT.get(..bytes.len()).unwrap_or_default() {
        return Err(ScanDamage::malformed(path, "format", 0));
    }
    match found.cmp(&expected) {
        Ordering::Equal => Ok(Marker::Whole),
        Ordering::Less => Ok(Marker::Unwritten(Defect::Length { expected, found })),
        Ordering::Greater => Err(ScanDamage::new(path, Defect::Length { expected, found })),
    }
}

/// The journals hold zeros at most, and there is nothing of a keyspace.
fn was_never_used(folder: &Path) -> Result<bool, ScanDamage> {
    for (id, journal) in list_journals(folder)? {
        if id != 0 || !is_blank(&journal)? {
            return Ok(false);
        }
    }
    let keyspaces = folder.join(KEYSPACES);
    if !keyspaces.exists() {
        return Ok(true);
    }
    let folders = numbered_folders(&keyspaces)?;
    let meta = keyspaces.join(META_KEYSPACE.to_string());
    let has_tables =
        fs::read_dir(meta.join(TABLES)).is_ok_and(|mut tables| tables.next().is_some());
    Ok(
        folders.iter().all(|id| *id == META_KEYSPACE)
            && !meta.join(CURRENT).exists()
            && !has_tables,
    )
}

/// The keyspaces' numbers. fjall passes over files there and panics on other folders.
pub(super) fn numbered_folders(keyspaces: &Path) -> Result<Vec<u64>, ScanDamage> {
    let unreadable = |error| ScanDamage::io(keyspaces, error);
    let mut ids = Vec::new();
    for entry in fs::read_dir(keyspaces).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_file() {
            continue;
        }
        let id = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let stray = || {
            ScanDamage::new(
                &entry.path(),
                Defect::Stray {
                    expected: "folders named by a number",
                },
            )
        };
        ids.push(id.ok_or_else(stray)?);
    }
    ids.sort_unstable();
    Ok(ids)
}
