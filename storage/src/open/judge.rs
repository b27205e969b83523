//! Compares what the folders hold with the witnesses, and only then mends what a crash left.

use std::fs::{self, File};
use std::path::Path;

use everlog_domain::ids::CommitNumber;

use super::keys_files::{Folder, KeysFindings};
use super::log_files::LogFindings;
use super::refused::OpenRefused;
use crate::log::{Mark, Tail, mend_segments};
use crate::scan::{FolderState, truncate_torn};

/// What saw acknowledged batches, beside the log itself.
pub(super) struct Witnesses<'a> {
    pub(super) mark: Option<&'a Mark>,
    /// The commit that the projections have reached; they follow the log's sync.
    pub(super) projected: Option<CommitNumber>,
    /// The commit that the index of the log has reached; it follows the sync as well.
    pub(super) indexed: Option<CommitNumber>,
}

/// Whether all that was acknowledged is there, as far as the witnesses know.
pub(super) fn judge(
    log: &LogFindings,
    keys: &KeysFindings,
    witnesses: &Witnesses<'_>,
) -> Result<(), OpenRefused> {
    let found = log.newest;
    let mark = witnesses.mark;
    let missing = |witness: &str, commit: CommitNumber| OpenRefused::Damaged {
        lost_from: log.history.first_missing(mark),
        reason: format!(
            "it ends with batch {found}, {witness} saw batch {commit}. Nothing was changed"
        ),
    };
    if let Some(mark) = mark.filter(|mark| mark.commit > found) {
        return Err(missing("the watermark", mark.commit));
    }
    if let Some(projected) = witnesses.projected.filter(|projected| *projected > found) {
        return Err(missing("the projections", projected));
    }
    if let Some(indexed) = witnesses.indexed.filter(|indexed| *indexed > found) {
        return Err(missing("the index", indexed));
    }
    let by_page = log.history.newest.map_or(0, |newest| newest.key_batches);
    let by_mark = mark.map_or(0, |mark| mark.key_batches);
    let needed = by_page.max(by_mark);
    if keys.newest < needed {
        return Err(OpenRefused::KeysDamaged {
            lost_from: log.history.newest_event(),
            reason: format!(
                "it ends with batch {}, the log needs batch {needed}",
                keys.newest
            ),
        });
    }
    Ok(())
}

/// Rolls back a torn batch of the log that nobody was told of.
pub(super) fn mend_log(log: &LogFindings) -> Result<(), OpenRefused> {
    if !log.path.exists() {
        return Ok(());
    }
    if let Tail::Torn { path, at } = &log.tail {
        let path = path.display();
        tracing::warn!(%path, at, "rolling back a torn batch that nobody was told of");
    }
    mend_segments(&log.path, &log.tail).map_err(|error| OpenRefused::Engine {
        part: "the log",
        reason: error.to_string(),
    })
}

/// Makes the folder one that fjall opens without losing anything: rolls back a torn batch that
/// nobody was told of, removes what a first start that was cut short has left, puts back the lock
/// file that some copies leave out.
pub(super) fn mend(folder: &Folder) -> Result<(), OpenRefused> {
    let path = &folder.path;
    match folder.state {
        FolderState::Absent | FolderState::Database => {}
        FolderState::Unfinished => remove(path)?,
        FolderState::WithoutLock => {
            File::create(path.join("lock")).map_err(|error| OpenRefused::io(path, error))?;
        }
    }
    if let Some((journal, at)) = &folder.torn {
        tracing::warn!(
            journal = %journal.display(),
            at,
            "rolling back a torn batch that nobody was told of"
        );
        truncate_torn(journal, *at).map_err(|error| OpenRefused::Engine {
            part: "the scan",
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), OpenRefused> {
    tracing::warn!(folder = %path.display(), "removing a database whose making was cut short");
    fs::remove_dir_all(path).map_err(|error| OpenRefused::io(path, error))
}
