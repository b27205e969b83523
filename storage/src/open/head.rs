use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::log::chain;
use everlog_domain::ports::{Log, ReadFailure};

use super::refused::{LostFrom, OpenRefused};
use crate::log::{EmbeddedLog, Mark};
use crate::record::StoredManifest;

/// Projects of a page that are compared; a page can name many, and opening must be quick.
const COMPARED: usize = 64;

/// Compares the newest contents page, and the one that the watermark saw, with the events that
/// they name.
pub(super) fn check(log: &EmbeddedLog, mark: Option<&Mark>) -> Result<(), OpenRefused> {
    let head = log.head();
    if head == CommitNumber(0) {
        return Ok(());
    }
    let page = page(log, head)?;
    let found = log.keys().batches();
    if found < page.key_batches {
        let newest = page.manifest.entries.first();
        return Err(OpenRefused::KeysDamaged {
            lost_from: newest.map(|entry| LostFrom {
                project: entry.project,
                offset: entry.last,
            }),
            reason: format!(
                "it ends with batch {found}, the log needs batch {}",
                page.key_batches
            ),
        });
    }
    for entry in page.manifest.entries.iter().take(COMPARED) {
        compare(log, entry.project, entry.last, entry.head)?;
    }
    for entry in mark.map_or([].as_slice(), |mark| &mark.entries) {
        compare(log, entry.project, entry.last, entry.head)?;
    }
    Ok(())
}

fn page(log: &EmbeddedLog, commit: CommitNumber) -> Result<StoredManifest, OpenRefused> {
    let before = CommitNumber(commit.0.saturating_sub(1));
    let pages = log.reader().manifests(before, 1).map_err(refused)?;
    pages.into_iter().next().ok_or(OpenRefused::Damaged {
        lost_from: None,
        reason: format!("contents page {commit} is missing"),
    })
}

fn compare(
    log: &EmbeddedLog,
    project: ProjectNumber,
    offset: Offset,
    expected: Hash,
) -> Result<(), OpenRefused> {
    let envelope = log.reader().envelope(project, offset).map_err(refused)?;
    let found = chain::link(&envelope);
    if found == expected {
        return Ok(());
    }
    Err(OpenRefused::Damaged {
        lost_from: Some(LostFrom { project, offset }),
        reason: format!("expected an event with hash {expected}, found one with {found}"),
    })
}

pub(super) fn refused(failure: ReadFailure) -> OpenRefused {
    match failure {
        ReadFailure::Damaged {
            project,
            offset,
            reason,
        } => OpenRefused::Damaged {
            lost_from: Some(LostFrom { project, offset }),
            reason,
        },
        ReadFailure::KeyMissing { ref envelope } => OpenRefused::Damaged {
            lost_from: Some(LostFrom {
                project: envelope.project,
                offset: envelope.offset,
            }),
            reason: failure.to_string(),
        },
        ReadFailure::Engine { reason } => OpenRefused::Engine {
            part: "the log",
            reason,
        },
    }
}
