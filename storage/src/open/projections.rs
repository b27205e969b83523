use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use everlog_domain::ids::CommitNumber;
use everlog_domain::ports::RowsFailure;

use super::head;
use super::refused::OpenRefused;
use crate::log::EmbeddedLog;
use crate::rows::{
    CatchUpFailure, FjallRows, OpenFailure, catch_up, is_marked_damaged, rebuild, unmark_damaged,
};

/// Where a damaged projection is kept until another one stands.
const ASIDE: &str = "projections.damaged";
const BETWEEN_REPORTS: Duration = Duration::from_secs(2);

/// Opens the rows and brings them up to the log. Rows that are damaged, or of another version, are
/// moved aside and made anew: that takes a while, and says so. Where the disk or the engine fails,
/// good rows may lie there, and new ones could not be written: they stay as they are.
pub(super) fn open(folder: &Path, log: &EmbeddedLog) -> Result<FjallRows, OpenRefused> {
    let opened = match open_and_catch_up(folder, log) {
        Err(failure) if calls_for_rebuild(&failure) => {
            tracing::warn!(%failure, "the rows are made anew from the log");
            move_aside(folder)?;
            rebuild(folder, log, &mut reports())
        }
        opened => opened,
    };
    let rows = opened.map_err(refused)?;
    unmark_damaged(folder).map_err(|error| OpenRefused::io(folder, error))?;
    forget_aside(folder);
    Ok(rows)
}

fn open_and_catch_up(folder: &Path, log: &EmbeddedLog) -> Result<FjallRows, CatchUpFailure> {
    if is_marked_damaged(folder) {
        let reason = "some did not read when they were last in use".to_owned();
        return Err(OpenFailure::Damaged { reason }.into());
    }
    let rows = FjallRows::open(folder)?;
    catch_up(&rows, log, &mut reports())?;
    Ok(rows)
}

fn calls_for_rebuild(failure: &CatchUpFailure) -> bool {
    match failure {
        CatchUpFailure::Open(failure) => failure.calls_for_rebuild(),
        CatchUpFailure::Rows(failure) => matches!(failure, RowsFailure::Damaged { .. }),
        CatchUpFailure::Ahead { .. }
        | CatchUpFailure::ManifestMissing { .. }
        | CatchUpFailure::Log(_) => false,
    }
}

fn move_aside(folder: &Path) -> Result<(), OpenRefused> {
    let aside = folder.with_file_name(ASIDE);
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(|error| OpenRefused::io(&aside, error))?;
    }
    match fs::rename(folder, &aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OpenRefused::io(folder, error))
        }
        _ => Ok(()),
    }
}

/// Removes what was moved aside, also by a start that did not come to an end: rows are not
/// encrypted, and nothing that is erased reaches them there.
fn forget_aside(folder: &Path) {
    let aside = folder.with_file_name(ASIDE);
    match fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %aside.display(), "old rows cannot be removed");
        }
        _ => {}
    }
}

fn reports() -> impl FnMut(CommitNumber, CommitNumber) {
    let mut last = Instant::now();
    move |reached, head| {
        if last.elapsed() >= BETWEEN_REPORTS || reached == head {
            last = Instant::now();
            tracing::info!(%reached, %head, "bringing the rows up to the log");
        }
    }
}

fn refused(failure: CatchUpFailure) -> OpenRefused {
    let engine = |reason: String| OpenRefused::Engine {
        part: "the rows",
        reason,
    };
    match failure {
        CatchUpFailure::Log(failure) => head::refused(failure),
        CatchUpFailure::Ahead { .. } | CatchUpFailure::ManifestMissing { .. } => {
            OpenRefused::Damaged {
                lost_from: None,
                reason: failure.to_string(),
            }
        }
        CatchUpFailure::Rows(failure) => engine(failure.to_string()),
        CatchUpFailure::Open(OpenFailure::Engine { reason }) => engine(reason),
        CatchUpFailure::Open(failure) => engine(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use everlog_domain::ids::ProjectNumber;
    use everlog_domain::ports::Rows;

    use super::*;
    use crate::conformance::rows::dump;
    use crate::fixture::{options, written};
    use crate::open::PROJECTIONS;
    use crate::rows::mark_damaged;

    #[test]
    fn rows_that_were_found_damaged_in_use_are_made_anew() {
        let folder = written(3);
        let opened = || crate::open::open(&options(folder.path())).unwrap();
        let shown = |rows: &FjallRows| dump(&*rows.view(), ProjectNumber(1));
        let expected = shown(&opened().rows);
        assert!(expected.len() >= 3, "{expected:?}");
        let rows = folder.path().join(PROJECTIONS);
        let left = rows.join("left.tmp");
        fs::write(&left, []).unwrap();
        mark_damaged(&rows).unwrap();
        let opened = opened();
        assert_eq!(shown(&opened.rows), expected);
        assert!(!is_marked_damaged(&rows));
        assert!(!left.exists(), "it is another folder");
    }

    #[test]
    fn only_damage_throws_rows_away() {
        let reason = || String::from("no space left on device");
        let failed = RowsFailure::Engine { reason: reason() };
        assert!(!calls_for_rebuild(&CatchUpFailure::Rows(failed)));
        let refused = OpenFailure::Engine { reason: reason() };
        assert!(!calls_for_rebuild(&CatchUpFailure::Open(refused)));
        let damaged = RowsFailure::Damaged {
            table: 1,
            key: String::new(),
            reason: reason(),
        };
        assert!(calls_for_rebuild(&CatchUpFailure::Rows(damaged)));
    }
}
