//! What anything still shows of how far each project had got: the watermark, contents pages in the
//! log (also those beyond damage), and checkpoints.

use std::collections::{BTreeMap, HashMap};

use everlog_domain::ids::{Offset, ProjectNumber};

use super::chains::Chains;
use crate::checkpoint::{self, read_folder};
use crate::log::{Depth, EmbeddedLog, page_of, scan};
use crate::open::{LOG, Options, read_witness};

/// The newest offset of each project that anything of the original shows. What does not read
/// shows nothing.
pub(super) fn last_seen(
    original: &Options,
    copy: &EmbeddedLog,
    chains: &Chains,
) -> BTreeMap<ProjectNumber, Offset> {
    let mut seen = BTreeMap::new();
    let mut see = |project: ProjectNumber, offset: Offset| {
        let known: &mut Offset = seen.entry(project).or_default();
        *known = offset.max(*known);
    };
    if let Ok(Some(mark)) = read_witness(original) {
        mark.entries
            .iter()
            .for_each(|entry| see(entry.project, entry.last));
    }
    in_log(original, &mut see);
    in_checkpoints(original, copy, chains, &mut see);
    seen
}

fn in_log(original: &Options, see: &mut dyn FnMut(ProjectNumber, Offset)) {
    let folder = original.data.join(LOG);
    // a damage is no end: whole batches beyond it are shown as well
    let _scanned = scan(&folder, Depth::Whole, &mut |frame| {
        if let Ok(page) = page_of(frame.head) {
            let entries = page.manifest.entries.iter();
            entries.for_each(|entry| see(entry.project, entry.last));
        }
    });
}

fn in_checkpoints(
    original: &Options,
    copy: &EmbeddedLog,
    chains: &Chains,
    see: &mut dyn FnMut(ProjectNumber, Offset),
) {
    let numbers: HashMap<_, _> = chains
        .links()
        .map(|(project, link)| (link.uid, project))
        .collect();
    let key = copy.keys().signing().verifying_key();
    let inside = original.data.join(checkpoint::FOLDER);
    for folder in [Some(&inside), original.checkpoint_dir.as_ref()]
        .into_iter()
        .flatten()
    {
        for found in read_folder(folder, &key).unwrap_or_default() {
            if let Ok(note) = found.note
                && let Some(project) = numbers.get(&note.uid)
            {
                see(*project, note.offset);
            }
        }
    }
}
