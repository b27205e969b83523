//! Folders that need no disk.

use std::path::Path;

use rustix::fs::statvfs;
use tempfile::TempDir;

const IN_MEMORY: &str = "/dev/shm";
/// A few rebuilt data folders, some of which are written twice.
const ENOUGH_BYTES: u64 = 2 << 30;

/// A temporary folder in memory, where there is enough of it: what a server syncs while it opens a folder that was
/// rebuilt is of no interest, and waiting for the disk takes longer than all the rest.
pub(super) fn folder() -> TempDir {
    let roomy = statvfs(Path::new(IN_MEMORY))
        .is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) >= ENOUGH_BYTES);
    let folder = if roomy {
        tempfile::tempdir_in(IN_MEMORY)
    } else {
        tempfile::tempdir()
    };
    folder.expect("a temporary folder")
}
