//! What the log's folder holds, read before the log is opened and goes on writing.

use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;

use super::history::{Break, History};
use super::refused::LostFrom;
use crate::log::{Depth, EngineFailure, Mark, Tail, page_of, scan};

/// The newest segments of about this size in all are read whole when the folder is opened; beyond
/// it, opening would take longer the larger the log is, and only `everlog verify` reads it all.
const READ_WHOLE_BYTES: u64 = 64 << 20;

/// What is read of a log when it is opened.
pub(super) const AT_OPENING: Depth = Depth::Newest {
    bytes: READ_WHOLE_BYTES,
};

/// What the log's folder holds.
pub(super) struct LogFindings {
    pub(super) path: PathBuf,
    pub(super) history: History,
    /// The newest whole batch.
    pub(super) newest: CommitNumber,
    pub(super) tail: Tail,
}

/// What no opening may follow.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) lost_from: Option<LostFrom>,
    pub(crate) reason: String,
}

/// Reads a log's files. `seen` is told of the bytes of each frame.
pub(super) fn inspect_log(
    path: &Path,
    depth: Depth,
    mark: Option<&Mark>,
    seen: &mut dyn FnMut(u64),
) -> Result<LogFindings, Damage> {
    let mut history = History::default();
    if !path.exists() {
        return Ok(LogFindings {
            path: path.to_path_buf(),
            history,
            newest: CommitNumber(0),
            tail: Tail::Whole,
        });
    }
    let mut unreadable: Option<EngineFailure> = None;
    let scanned = scan(path, depth, &mut |frame| {
        seen(frame.head.bytes);
        match page_of(frame.head) {
            Ok(page) => history.push(&page, frame.standing, mark),
            Err(error) => unreadable = unreadable.take().or(Some(error)),
        }
    });
    let scanned = scanned.map_err(|damage| Damage {
        lost_from: history.first_missing(mark),
        reason: damage.to_string(),
    })?;
    if let Some(error) = unreadable {
        return Err(Damage {
            lost_from: history.first_missing(mark),
            reason: error.to_string(),
        });
    }
    check_line(&history, scanned.sealed_until, &scanned.tail, mark)?;
    let newest = history.newest.map(|newest| newest.commit);
    Ok(LogFindings {
        path: path.to_path_buf(),
        newest: newest.unwrap_or(scanned.sealed_until),
        history,
        tail: scanned.tail,
    })
}

/// The segments together must hold every batch up to the newest.
fn check_line(
    history: &History,
    sealed_until: CommitNumber,
    tail: &Tail,
    mark: Option<&Mark>,
) -> Result<(), Damage> {
    let damage = |reason: String| Damage {
        lost_from: history.first_missing(mark),
        reason,
    };
    if let Some(Break { lost_from, reason }) = &history.broken {
        return Err(Damage {
            lost_from: *lost_from,
            reason: reason.clone(),
        });
    }
    if let Tail::Damaged { path, at } = tail {
        let path = path.display();
        return Err(damage(format!(
            "{path}, byte {at}: expected a batch, found bytes that are none"
        )));
    }
    match history.first {
        Some(first) if first != sealed_until.next() => Err(damage(format!(
            "after batch {sealed_until} follows batch {first}"
        ))),
        _ => Ok(()),
    }
}
