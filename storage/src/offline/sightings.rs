//! What anything still shows of how far each project had got: the watermark, contents pages in the
//! journals (also those beyond damage) and in the engine, and checkpoints.

use std::collections::{BTreeMap, HashMap};

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};

use super::chains::Chains;
use crate::checkpoint::{self, read_folder};
use crate::log::{EmbeddedLog, MANIFESTS};
use crate::open::{LOG, Options, read_witness};
use crate::record::decode_manifest;
use crate::scan::{Change, check_tables, scan_journals};

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
    in_journals(original, &mut see);
    in_engine(copy, &mut see);
    in_checkpoints(original, copy, chains, &mut see);
    seen
}

fn in_journals(original: &Options, see: &mut dyn FnMut(ProjectNumber, Offset)) {
    let folder = original.data.join(LOG);
    let Ok(tables) = check_tables(&folder) else {
        return;
    };
    // a damage is no end: whole batches beyond it are shown as well
    let _scanned = scan_journals(&folder, &mut |_, item| {
        if let Change::Insert { value, .. } = item.change
            && tables.keyspace_name(item.keyspace) == Some(MANIFESTS)
        {
            see_page(value, see);
        }
    });
}

fn in_engine(copy: &EmbeddedLog, see: &mut dyn FnMut(ProjectNumber, Offset)) {
    for item in copy.engine().manifests.iter() {
        if let Ok(value) = item.value() {
            see_page(&value, see);
        }
    }
}

fn see_page(bytes: &[u8], see: &mut dyn FnMut(ProjectNumber, Offset)) {
    if let Ok(page) = decode_manifest(CommitNumber(0), bytes) {
        let entries = page.manifest.entries.iter();
        entries.for_each(|entry| see(entry.project, entry.last));
    }
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
