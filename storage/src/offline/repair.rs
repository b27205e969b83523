use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber, ProjectUid};
use thiserror::Error;

use super::copy::copy_parts;
use super::cut_journals::cut_journals;
use super::cut_log::cut_log;
use super::provable::{Provable, holds_more, prove};
use super::report::Step;
use super::sightings::last_seen;
use crate::checkpoint;
use crate::derived::remove_derived;
use crate::open::{INDEX, KEYS, LOG, OpenRefused, Options, open_unjudged, own, require};

/// Why no mended copy was made. The original is as it was.
#[derive(Debug, Error)]
pub enum RepairFailure {
    /// The original is in use, or is not ours.
    #[error(transparent)]
    Refused(#[from] OpenRefused),
    /// The copy would overwrite something.
    #[error("{} is not empty: name a new folder for the mended copy", to.display())]
    NotEmpty {
        /// The folder that was named.
        to: PathBuf,
    },
    /// A file of the copy cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The engine's own files are damaged so that nothing can be read: restore a backup.
    #[error("{} cannot be mended, restore a backup: {reason}", folder.display())]
    Unmendable {
        /// The engine's folder.
        folder: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Acknowledged history that the copy does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostHistory {
    /// The project.
    pub project: ProjectNumber,
    /// Its identity, where it is known.
    pub uid: Option<ProjectUid>,
    /// The newest offset that the copy has.
    pub kept: Offset,
    /// The newest offset that anything shows there was. There may have been more.
    pub seen: Offset,
}

/// What a repair has kept and lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairReport {
    /// The newest batch of the copy.
    pub commit: CommitNumber,
    /// Projects of the copy.
    pub projects: usize,
    /// What is lost, by project.
    pub lost: Vec<LostHistory>,
    /// What stood against the first batch that was left out.
    pub against: Option<String>,
}

/// Copies a data folder into a new one, and there leaves of the log what can be proved from the
/// beginning: every chain linked, every payload readable, every contents page matched. The original
/// is only read.
pub fn repair(
    options: &Options,
    to: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<RepairReport, RepairFailure> {
    require(options)?;
    let _lock = own(options)?;
    prepare(to).map_err(|error| at(to, error))??;
    copy_parts(&options.data, to, progress).map_err(|error| at(to, error))?;
    let (keys, log_folder) = (to.join(KEYS), to.join(LOG));
    cut_journals(&keys).map_err(|error| unmendable(&keys, &error))?;
    cut_log(&log_folder, CommitNumber(u64::MAX))
        .map_err(|error| unmendable(&log_folder, &error))?;
    let copy = Options {
        data: to.to_path_buf(),
        ..options.clone()
    };
    let log = open_unjudged(&copy)?;
    let provable = prove(&log, progress);
    let more = holds_more(&log, &provable);
    let seen = last_seen(options, &log, &provable.chains);
    drop(log);
    if more {
        // It knows of what is cut off; the next start makes it again.
        remove_derived(&to.join(INDEX)).map_err(|error| unmendable(&to.join(INDEX), &error))?;
        cut_log(&log_folder, provable.commit).map_err(|error| unmendable(&log_folder, &error))?;
    }
    let lost = losses(&provable, &seen);
    forget_checkpoints(to, &lost).map_err(|error| at(to, error))?;
    Ok(RepairReport {
        commit: provable.commit,
        projects: provable.chains.len(),
        lost,
        against: provable.against,
    })
}

fn prepare(to: &Path) -> io::Result<Result<(), RepairFailure>> {
    fs::create_dir_all(to)?;
    if fs::read_dir(to)?.next().is_some() {
        let to = to.to_path_buf();
        return Ok(Err(RepairFailure::NotEmpty { to }));
    }
    Ok(Ok(()))
}

fn losses(provable: &Provable, seen: &BTreeMap<ProjectNumber, Offset>) -> Vec<LostHistory> {
    let of_project = |(&project, &seen): (&ProjectNumber, &Offset)| {
        let link = provable.chains.get(project);
        let kept = link.map_or(Offset(0), |link| link.offset);
        (seen > kept).then_some(LostHistory {
            project,
            uid: link.map(|link| link.uid),
            kept,
            seen,
        })
    };
    seen.iter().filter_map(of_project).collect()
}

/// The copy's own checkpoints must not speak of what it does not have. The original keeps them,
/// and those outside go on telling that history was lost.
fn forget_checkpoints(to: &Path, lost: &[LostHistory]) -> io::Result<()> {
    let folder = to.join(checkpoint::FOLDER);
    for uid in lost.iter().filter_map(|lost| lost.uid) {
        match fs::remove_file(checkpoint::file_of(&folder, uid)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn at(path: &Path, error: io::Error) -> RepairFailure {
    RepairFailure::Io {
        path: path.to_path_buf(),
        error,
    }
}

fn unmendable(folder: &Path, reason: &dyn std::fmt::Display) -> RepairFailure {
    RepairFailure::Unmendable {
        folder: folder.to_path_buf(),
        reason: reason.to_string(),
    }
}
