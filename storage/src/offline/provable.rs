//! Finds the newest batch up to which everything can be proved.

use everlog_domain::ids::CommitNumber;
use everlog_domain::ports::Log;

use super::chains::Chains;
use super::report::Step;
use crate::log::EmbeddedLog;
use crate::record::StoredManifest;

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

/// Whether the log holds batches beyond what was proved.
pub(super) fn holds_more(log: &EmbeddedLog, provable: &Provable) -> bool {
    log.head() > provable.commit || provable.against.is_some()
}
