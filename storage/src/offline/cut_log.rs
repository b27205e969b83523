//! Cuts the log of a copy where it is damaged, so that it opens with all before.

use std::path::Path;

use everlog_domain::ids::CommitNumber;

use crate::log::{
    Depth, SegmentFile, Tail, cut_after, list_segments, mend_segments, restore_edges, scan,
};
use crate::scan::ScanDamage;

/// What of a segment is in line with the batches before it.
struct Kept {
    segment: SegmentFile,
    /// Where its last batch ends, in bytes.
    end: u64,
    last: CommitNumber,
}

/// Leaves every whole batch before the first damage and up to a commit, and nothing after it.
pub(super) fn cut_log(folder: &Path, up_to: CommitNumber) -> Result<(), ScanDamage> {
    if !folder.exists() {
        return Ok(());
    }
    match kept(folder, up_to)?.as_slice() {
        [before @ .., newest] => {
            cut_after(folder, &newest.segment.path, newest.end)?;
            for kept in before {
                restore_edges(&kept.segment, kept.end, kept.last)?;
            }
        }
        [] => {
            if let Some(first) = list_segments(folder)?.first() {
                cut_after(folder, &first.path, 0)?;
            }
        }
    }
    // what is still no batch does not stand between them
    if let Tail::Torn { path, at } | Tail::Damaged { path, at } =
        scan(folder, Depth::Whole, &mut |_| {})?.tail
    {
        cut_after(folder, &path, at)?;
    }
    mend_segments(folder, &Tail::Whole)
}

fn kept(folder: &Path, up_to: CommitNumber) -> Result<Vec<Kept>, ScanDamage> {
    let mut kept: Vec<Kept> = Vec::new();
    let mut next = CommitNumber(1);
    scan(folder, Depth::Whole, &mut |frame| {
        let commit = frame.head.commit;
        if commit != next || next > up_to {
            return;
        }
        next = next.next();
        let end = frame.position + frame.head.bytes;
        match kept.last_mut() {
            Some(same) if same.segment == *frame.file => {
                (same.end, same.last) = (end, commit);
            }
            _ => kept.push(Kept {
                segment: frame.file.clone(),
                end,
                last: commit,
            }),
        }
    })?;
    Ok(kept)
}
