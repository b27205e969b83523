//! The keys of a store that a server may have open.
//!
//! Only the engine's files are there to be read, and only the owner of the folder may open them. So
//! they are copied, and the copy is opened, as after a crash. What is copied one file after another
//! is what a crash leaves only if the set of files stood still meanwhile: tables and versions are
//! made once under names of their own or put in place by a rename, and journals are only appended
//! to. So the names, inodes, lengths and times of all files are compared before and after, but for
//! how long journals are, and where they differ the copy is made again. That is rare: keys are
//! written when somebody new appears, and tables with some thousands of those.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::failure::BackupFailure;
use crate::keys::CarriedKeys;
use crate::open::mend_keys_copy;

/// How often a copy is made before the keys are said to change too fast.
const TRIES: usize = 20;
const OWNER_ONLY: u32 = 0o700;

/// What tells that a file is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    name: PathBuf,
    inode: u64,
    /// Bytes, and when they were changed; of journals, which grow, neither.
    state: Option<(u64, i64, i64)>,
}

/// Reads the keys of a store through a copy at `aside`, which is removed again. They hold at least
/// `needed` batches.
pub(super) fn carried_keys(
    store: &Path,
    aside: &Path,
    needed: u64,
) -> Result<CarriedKeys, BackupFailure> {
    carried_keys_beside(store, aside, needed, &mut |_| {})
}

/// The same, with somebody who is told before each file is copied.
pub(super) fn carried_keys_beside(
    store: &Path,
    aside: &Path,
    needed: u64,
    copying: &mut dyn FnMut(&Path),
) -> Result<CarriedKeys, BackupFailure> {
    let mut reason = String::new();
    for _ in 0..TRIES {
        let tried = attempt(store, aside, needed, copying);
        remove(aside).map_err(|error| BackupFailure::io(aside, error))?;
        match tried.map_err(|error| BackupFailure::io(store, error))? {
            Ok(keys) => return Ok(keys),
            Err(why) => reason = why,
        }
    }
    Err(BackupFailure::Keys { reason })
}

/// An inner failure is a reason to try again.
fn attempt(
    store: &Path,
    aside: &Path,
    needed: u64,
    copying: &mut dyn FnMut(&Path),
) -> io::Result<Result<CarriedKeys, String>> {
    remove(aside)?;
    let before = stamps(store)?;
    fs::DirBuilder::new().mode(OWNER_ONLY).create(aside)?;
    for stamp in &before {
        let target = aside.join(&stamp.name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        copying(&stamp.name);
        match fs::copy(store.join(&stamp.name), &target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Err(changed()));
            }
            copied => copied.map(drop)?,
        }
    }
    if stamps(store)? != before {
        return Ok(Err(changed()));
    }
    Ok(read(aside, needed))
}

fn read(copy: &Path, needed: u64) -> Result<CarriedKeys, String> {
    let newest = mend_keys_copy(copy)?;
    if newest < needed {
        return Err(format!(
            "they end with batch {newest}, the log needs batch {needed}"
        ));
    }
    CarriedKeys::of(copy).map_err(|failure| failure.to_string())
}

fn changed() -> String {
    "their files changed while they were copied".to_owned()
}

fn stamps(store: &Path) -> io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    // a file that goes meanwhile is a change, which the other look shows
    let mut folders = vec![store.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let meta = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                meta => meta?,
            };
            if meta.is_dir() {
                folders.push(path);
                continue;
            }
            let grows = path.extension().is_some_and(|ending| ending == "jnl");
            let name = path.strip_prefix(store).map_err(io::Error::other)?;
            stamps.push(Stamp {
                name: name.to_path_buf(),
                inode: meta.ino(),
                state: (!grows).then(|| (meta.len(), meta.mtime(), meta.mtime_nsec())),
            });
        }
    }
    stamps.sort_unstable();
    Ok(stamps)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
