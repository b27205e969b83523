//! Bringing the projection up to the log, or making it from nothing.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use everlog_domain::event::Recorded;
use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Manifest, ManifestEntry};
use everlog_domain::ports::{Log, ReadFailure, Rows, RowsFailure};
use thiserror::Error;

use super::engine::FjallRows;
use super::open::{self, OpenFailure};

/// Contents pages read at once.
const MANIFESTS: usize = 1_024;
/// Batches whose events are read at once. Each was in memory whole when it was written, and the
/// committer bounds its bytes: so a machine that wrote a log can also read it.
const BATCHES: usize = 8;
/// More batches are read at once as long as they have no more events than this: each of them has
/// at most the bytes of one record.
const FEW_EVENTS: u64 = 64;

/// Why the projection could not be brought up to the log.
#[derive(Debug, Error)]
pub enum CatchUpFailure {
    /// The projection has seen batches that the log does not have: the log has lost its end.
    #[error("the rows have reached commit {rows}, the log ends at commit {log}")]
    Ahead {
        /// What the projection has.
        rows: CommitNumber,
        /// What the log has.
        log: CommitNumber,
    },
    /// The log ended before its head.
    #[error("the log's head is commit {head}, its manifests end at commit {found}")]
    ManifestMissing {
        /// The newest batch.
        head: CommitNumber,
        /// The last manifest that was found.
        found: CommitNumber,
    },
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadFailure),
    /// The projection could not be read or written.
    #[error(transparent)]
    Rows(#[from] RowsFailure),
    /// The projection's folder could not be made anew.
    #[error(transparent)]
    Open(#[from] OpenFailure),
}

/// Projects every batch that the projection has not seen. `progress` is told of each commit that
/// is reached, and of the one at which the log ends.
pub fn catch_up(
    rows: &dyn Rows,
    log: &dyn Log,
    progress: &mut dyn FnMut(CommitNumber, CommitNumber),
) -> Result<(), CatchUpFailure> {
    let head = log.head();
    let reached = rows.reached();
    if reached > head {
        let (rows, log) = (reached, head);
        return Err(CatchUpFailure::Ahead { rows, log });
    }
    while rows.reached() < head {
        let manifests = log.manifests(rows.reached(), MANIFESTS)?;
        if manifests.is_empty() {
            let found = rows.reached();
            return Err(CatchUpFailure::ManifestMissing { head, found });
        }
        let mut manifests = manifests.as_slice();
        while !manifests.is_empty() {
            let (some, rest) = manifests.split_at(read_together(manifests));
            project(rows, log, some)?;
            progress(rows.reached(), head);
            manifests = rest;
        }
    }
    Ok(())
}

/// Throws the projection in a folder away and makes it from the log.
pub fn rebuild(
    folder: &Path,
    log: &dyn Log,
    progress: &mut dyn FnMut(CommitNumber, CommitNumber),
) -> Result<FjallRows, CatchUpFailure> {
    open::remove_folder(folder)?;
    let rows = FjallRows::open(folder)?;
    catch_up(&rows, log, progress)?;
    rows.sync()?;
    Ok(rows)
}

/// How many of the manifests are read in one go: at least one. Contents pages do not tell bytes,
/// so both bounds are such that any events would fit.
fn read_together(manifests: &[Manifest]) -> usize {
    let mut events = 0;
    let few = manifests.iter().take_while(|manifest| {
        events += manifest.events();
        events <= FEW_EVENTS
    });
    few.count().max(BATCHES).min(manifests.len())
}

fn project(rows: &dyn Rows, log: &dyn Log, manifests: &[Manifest]) -> Result<(), CatchUpFailure> {
    let mut events = read_events(log, manifests)?;
    for manifest in manifests {
        let mut batch: Vec<Arc<Recorded>> = Vec::new();
        for entry in &manifest.entries {
            let waiting = events.entry(entry.project).or_default();
            let whole = waiting.iter();
            let of_batch = whole.take_while(|event| event.envelope.offset <= entry.last);
            let of_batch = of_batch.count();
            batch.extend(waiting.drain(..of_batch).map(Arc::new));
        }
        rows.project(manifest, &batch)?;
    }
    Ok(())
}

/// The events of several batches, by project: those of one project follow one another.
fn read_events(
    log: &dyn Log,
    manifests: &[Manifest],
) -> Result<HashMap<ProjectNumber, VecDeque<Recorded>>, CatchUpFailure> {
    let mut stretches: HashMap<ProjectNumber, ManifestEntry> = HashMap::new();
    for entry in manifests.iter().flat_map(|manifest| &manifest.entries) {
        let stretch = stretches.entry(entry.project).or_insert(*entry);
        stretch.last = entry.last;
    }
    let mut events = HashMap::new();
    for (project, stretch) in stretches {
        // A batch cannot have more events than memory holds: it was in memory once.
        let limit = usize::try_from(stretch.events()).unwrap_or(usize::MAX);
        events.insert(project, log.read(project, stretch.first, limit)?.into());
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use everlog_domain::hash::Hash;
    use everlog_domain::ids::{Offset, ProjectUid};
    use everlog_domain::log::ManifestEntry;

    use super::*;

    fn pages(batches: u64, events: u64) -> Vec<Manifest> {
        let page = |commit| Manifest {
            commit: CommitNumber(commit),
            entries: vec![ManifestEntry {
                project: ProjectNumber(1),
                uid: ProjectUid([0; 16]),
                first: Offset((commit - 1) * events + 1),
                last: Offset(commit * events),
                head: Hash::of_bytes(b""),
            }],
        };
        (1..=batches).map(page).collect()
    }

    #[test]
    fn what_is_read_at_once_is_bounded_however_large_events_are() {
        let table = [
            ((1_000, 1), 64),
            ((1_000, 6), 10),
            ((1_000, 100), 8),
            ((1_000, 100_000), 8),
            ((3, 100_000), 3),
            ((5, 1), 5),
        ];
        for ((batches, events), expected) in table {
            let found = read_together(&pages(batches, events));
            assert_eq!(found, expected, "{batches} batches of {events}");
        }
    }
}
