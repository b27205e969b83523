use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::report::Step;
use crate::open::sync_tree;

/// Parts of a data folder that a copy gets. The projections are made anew, the lock and the
/// watermark are of the original only.
const PARTS: [&str; 6] = [
    "format",
    "master.key",
    "master.key.next",
    "keys",
    "log",
    "checkpoints",
];

/// Copies a data folder into a new one and syncs it, names included: a file whose folder was not
/// synced may be gone after a power loss.
pub(super) fn copy_parts(from: &Path, to: &Path, progress: &mut dyn FnMut(Step)) -> io::Result<()> {
    let mut files = Vec::new();
    for part in PARTS {
        list(&from.join(part), &mut files)?;
    }
    let total = files.iter().map(|file| file.bytes).sum();
    let mut done = 0;
    for file in &files {
        let name = file.path.strip_prefix(from).map_err(io::Error::other)?;
        let target = to.join(name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        // permissions come along: a master key stays readable by its owner only
        fs::copy(&file.path, &target)?;
        done += file.bytes;
        progress(Step::Files { done, total });
    }
    sync_tree(to)
}

struct Listed {
    path: PathBuf,
    bytes: u64,
}

fn list(path: &Path, files: &mut Vec<Listed>) -> io::Result<()> {
    let meta = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        meta => meta?,
    };
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            list(&entry?.path(), files)?;
        }
    } else {
        files.push(Listed {
            path: path.to_path_buf(),
            bytes: meta.len(),
        });
    }
    Ok(())
}
