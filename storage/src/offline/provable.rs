//! Finds the newest batch up to which everything can be proved, and leaves only that.

use std::path::Path;

use everlog_domain::ids::{CommitNumber, Offset};
use everlog_domain::ports::{Log, ReadFailure};
use thiserror::Error;

use super::chains::Chains;
use super::report::Step;
use crate::log::{EmbeddedLog, LogEngine};
use crate::record::{StoredManifest, encode_manifest, project_range};

const PAGES: usize = 256;

/// What can be proved from the beginning.
pub(super) struct Provable {
    pub(super) chains: Chains,
    pub(super) commit: CommitNumber,
    /// What stands against the next batch, if there is one.
    pub(super) against: Option<String>,
}

pub(super) fn prove(log: &EmbeddedLog, progress: &mut dyn FnMut(Step)) -> Provable {
    let total = log.head().0;
    let mut provable = Provable {
        chains: Chains::default(),
        commit: CommitNumber(0),
        against: None,
    };
    while provable.commit < log.head() {
        // one at a time where a later page does not read
        let pages = log.reader().manifests(provable.commit, PAGES);
        let pages = match pages.or_else(|_| log.reader().manifests(provable.commit, 1)) {
            Ok(pages) => pages,
            Err(failure) => {
                provable.against = Some(failure.to_string());
                return provable;
            }
        };
        if pages.is_empty() {
            return provable;
        }
        for page in &pages {
            if let Err(reason) = take(log, page, &mut provable.chains) {
                provable.against = Some(reason);
                return provable;
            }
            provable.commit = page.manifest.commit;
        }
        progress(Step::Batches {
            done: provable.commit.0,
            total,
        });
    }
    provable
}

/// A batch counts whole or not at all.
fn take(log: &EmbeddedLog, page: &StoredManifest, chains: &mut Chains) -> Result<(), String> {
    let entries = &page.manifest.entries;
    let before: Vec<_> = entries
        .iter()
        .map(|entry| (entry.project, chains.get(entry.project)))
        .collect();
    for entry in entries {
        if let Err(broken) = chains.follow(&log.reader(), entry, &mut |_| {}) {
            for (project, link) in before {
                chains.put_back(project, link);
            }
            return Err(format!(
                "project {}, offset {}: {}",
                broken.project, broken.offset, broken.reason
            ));
        }
    }
    Ok(())
}

/// Why the provable batches could not be written again.
#[derive(Debug, Error)]
pub(super) enum RewriteFailure {
    #[error("contents page {page} was there and does not read any more")]
    PageMissing { page: CommitNumber },
    #[error(transparent)]
    Read(#[from] ReadFailure),
    #[error(transparent)]
    Engine(#[from] fjall::Error),
}

/// Writes the provable batches into a new database. Not synced batch by batch: whoever repairs
/// waits for the end.
pub(super) fn rewrite(
    log: &EmbeddedLog,
    up_to: CommitNumber,
    folder: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<(), RewriteFailure> {
    let target = LogEngine::open(folder)?;
    let mut commit = CommitNumber(0);
    while commit < up_to {
        let page = log.reader().manifests(commit, 1)?.into_iter().next();
        // It has just been proved. A copy that ends before it must not take the place of one that
        // may hold more.
        let page = page.ok_or(RewriteFailure::PageMissing {
            page: commit.next(),
        })?;
        let mut batch = target.unsynced_batch();
        for entry in &page.manifest.entries {
            let range = project_range(entry.project, entry.first, entry.last);
            for item in log.engine().events.range(range) {
                let (key, value) = item.into_inner()?;
                batch.insert(&target.events, key, value);
            }
        }
        commit = page.manifest.commit;
        let bytes = encode_manifest(&page.manifest, page.key_batches);
        batch.insert(&target.manifests, commit.0.to_be_bytes(), bytes);
        batch.commit()?;
        if commit.0.is_multiple_of(PAGES as u64) {
            progress(Step::Batches {
                done: commit.0,
                total: up_to.0,
            });
        }
    }
    Ok(target.sync()?)
}

/// Whether the database holds events or pages beyond what was proved.
pub(super) fn holds_more(log: &EmbeddedLog, provable: &Provable) -> bool {
    let beyond = |project, offset: Offset| {
        let range = project_range(project, offset.next(), Offset(u64::MAX));
        log.engine().events.range(range).next().is_some()
    };
    log.head() > provable.commit
        || provable.against.is_some()
        || provable
            .chains
            .links()
            .any(|(project, link)| beyond(project, link.offset))
}
