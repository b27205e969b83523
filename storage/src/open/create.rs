//! A database appears whole or not at all: it is made beside its place, synced, and renamed. The
//! engine itself, cut short while it makes one, can leave what neither it nor the scan accepts.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::refused::OpenRefused;

/// Makes a database at `folder` unless there is one.
pub(super) fn create_whole(
    folder: &Path,
    make: impl FnOnce(&Path) -> Result<(), OpenRefused>,
) -> Result<(), OpenRefused> {
    if folder.exists() {
        return Ok(());
    }
    let new = unfinished(folder);
    remove_if_there(&new).map_err(|error| OpenRefused::io(&new, error))?;
    make(&new)?;
    let placed = sync_tree(&new)
        .and_then(|()| fs::rename(&new, folder))
        .and_then(|()| match folder.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        });
    placed.map_err(|error| OpenRefused::io(folder, error))
}

fn unfinished(folder: &Path) -> PathBuf {
    folder.with_extension("new")
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Waits until the disk has every file and every name below a path.
pub(crate) fn sync_tree(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            sync_tree(&entry?.path())?;
        }
    }
    File::open(path)?.sync_all()
}
