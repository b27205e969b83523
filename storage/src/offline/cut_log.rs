//! Cuts the log of a copy where it is damaged, so that it opens with all before.

use std::path::{Path, PathBuf};

use everlog_domain::ids::CommitNumber;

use crate::log::{Depth, Tail, cut_after, list_segments, mend_segments, scan};
use crate::scan::ScanDamage;

/// Leaves every whole batch before the first damage and up to a commit, and nothing after it.
pub(super) fn cut_log(folder: &Path, up_to: CommitNumber) -> Result<(), ScanDamage> {
    if !folder.exists() {
        return Ok(());
    }
    let mut end: Option<(PathBuf, u64)> = None;
    let mut next = CommitNumber(1);
    scan(folder, Depth::Whole, &mut |frame| {
        if frame.head.commit == next && next <= up_to {
            end = Some((frame.file.path.clone(), frame.position + frame.head.bytes));
            next = next.next();
        }
    })?;
    let nothing = match end {
        None => list_segments(folder)?.into_iter().next(),
        Some(_) => None,
    };
    let nothing = nothing.map(|first| (first.path, 0));
    if let Some((path, at)) = end.or(nothing) {
        cut_after(folder, &path, at)?;
    }
    mend_segments(folder, &Tail::Whole)
}
