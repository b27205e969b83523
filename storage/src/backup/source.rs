//! The log that is copied: up to where, and from where on.
//!
//! A server that writes to it keeps the lock. Then the watermark, which is written after the sync
//! of a batch and before its answer, names the newest batch that may be copied: it is durable and
//! whole, and so is all before it, in segments whose seals are complete. What lies behind it is
//! being written and is not looked at. So nobody waits for anybody. (The watermark is not synced:
//! after a power failure it may be behind the log until the next write.)
//!
//! Without a server, every whole batch of the log counts, once the usual look has found the folder
//! sound. The lock is held for that look only: what a server that starts meanwhile writes lies
//! behind.

use std::path::Path;

use everlog_domain::ids::CommitNumber;

use crate::folder_lock::{FolderLock, NotOwned};
use crate::log::{EngineFailure, Location, Segments, list_segments, page_of, read_mark};
use crate::open::{LOG, OpenRefused, WATERMARK, check_format, newest_batch};

use super::contents::Contents;
use super::failure::BackupFailure;

/// The newest batch that may be copied.
pub(super) fn newest(data: &Path) -> Result<CommitNumber, BackupFailure> {
    check_format(data)?;
    let path = data.join(WATERMARK);
    let mark = read_mark(&path).map_err(|error| BackupFailure::io(&path, error))?;
    match FolderLock::take(data) {
        Ok(_held) => Ok(newest_batch(data, mark.as_ref())?),
        // where the lock may not be touched, as by a user who may only read, nobody knows whether a
        // server runs
        Err(NotOwned::Locked | NotOwned::File(_)) => {
            Ok(mark.map_or(CommitNumber(0), |mark| mark.commit))
        }
    }
}

/// Where the batch after those of a backup lies, once the one before is known to be the backup's
/// own.
pub(super) fn after(
    data: &Path,
    to: &Path,
    segments: &Segments,
    known: &Contents,
) -> Result<Location, BackupFailure> {
    let folder = data.join(LOG);
    let listed = list_segments(&folder).map_err(|damage| OpenRefused::Engine {
        part: "the log",
        reason: damage.to_string(),
    })?;
    let with_newest = listed
        .iter()
        .rev()
        .find(|segment| segment.first <= known.commit);
    let Some(segment) = with_newest.filter(|_| known.commit > CommitNumber(0)) else {
        return start(segments, &folder);
    };
    let mut at = Location::beginning(segment.first);
    loop {
        let found = segments.frame_at(at);
        let found = found.map_err(|error| other(to, &error.to_string()))?;
        let (place, Some(head)) = found else {
            let reason = format!("it has batches up to {}, the log does not", known.commit);
            return Err(other(to, &reason));
        };
        if head.commit == known.commit {
            let page = page_of(&head).map_err(|error| other(to, &error.to_string()))?;
            let chains = known.chains();
            let same = page.manifest.entries.iter().all(|entry| {
                let link = chains.get(entry.project);
                link.is_some_and(|link| {
                    (link.uid, link.offset, link.hash) == (entry.uid, entry.last, entry.head)
                })
            });
            let differs = || other(to, &format!("batch {} is another one", known.commit));
            return same.then(|| place.after(head.bytes)).ok_or_else(differs);
        }
        at = place.after(head.bytes);
    }
}

/// Where the first batch of a log lies.
pub(super) fn start(segments: &Segments, folder: &Path) -> Result<Location, BackupFailure> {
    segments.start().map_err(|damage| {
        let failure = EngineFailure::from(damage);
        BackupFailure::Refused(OpenRefused::Engine {
            part: "the log",
            reason: format!("{}: {failure}", folder.display()),
        })
    })
}

fn other(to: &Path, reason: &str) -> BackupFailure {
    BackupFailure::OtherBackup {
        to: to.to_path_buf(),
        reason: reason.to_owned(),
    }
}
