use std::collections::HashMap;
use std::path::Path;

use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, Offset, ProjectUid};
use everlog_domain::ports::Log;

use super::chains::{Chains, Link};
use super::report::{Finding, Step, VerifyFailure, VerifyReport};
use crate::checkpoint::{self, FoundNote, Note, read_folder};
use crate::log::{EmbeddedLog, Mark, list_segments};
use crate::open::{
    Damage, KEYS, LOG, OpenRefused, Options, look, open_engines, read_whole_log, require,
};
use crate::scan::verify_tables;

/// Contents pages that are read at a time.
const PAGES: usize = 1024;

/// What somebody saw of the projects' logs: by uid, the hash at an offset, and who saw it.
type Sightings = HashMap<ProjectUid, Vec<Sighting>>;

struct Sighting {
    offset: Offset,
    hash: Hash,
    whose: String,
}

/// Proves the whole log, or says what is wrong with it: every byte of the files, every chain from
/// its genesis, every contents page, every payload, and all of it against the signed checkpoints
/// inside and outside of the data folder. No server may run.
///
/// # Errors
/// Where nothing can be said, because the folder is in use, say, or the master key is wrong.
/// Damage is no error but part of the report.
pub fn verify(
    options: &Options,
    progress: &mut dyn FnMut(Step),
) -> Result<VerifyReport, VerifyFailure> {
    require(options).map_err(VerifyFailure::Refused)?;
    let mut report = VerifyReport::default();
    let found = match look(options) {
        Ok(found) => found,
        Err(refused) => return refused_as_finding(refused, report),
    };
    read_log(options, found.mark.as_ref(), &mut report, progress);
    read_tables(&options.data.join(KEYS), &mut report, progress);
    if !report.is_sound() {
        // the engines would go on from damaged files
        return Ok(report);
    }
    let log = match open_engines(options, &found) {
        Ok(log) => log,
        Err(refused) => return refused_as_finding(refused, report),
    };
    let mut sightings = read_checkpoints(options, &log, &mut report)?;
    let chains = follow(&log, &mut sightings, &mut report, progress);
    unseen(&chains, &sightings, &mut report);
    if let Some(mark) = &found.mark {
        compare_mark(&chains, &log, mark, &mut report);
    }
    report.projects = chains.len() as u64;
    Ok(report)
}

fn refused_as_finding(
    refused: OpenRefused,
    mut report: VerifyReport,
) -> Result<VerifyReport, VerifyFailure> {
    match refused {
        OpenRefused::Damaged { lost_from, reason }
        | OpenRefused::KeysDamaged { lost_from, reason } => {
            report.add(Finding::of(lost_from, reason));
            Ok(report)
        }
        other => Err(VerifyFailure::Refused(other)),
    }
}

fn read_log(
    options: &Options,
    mark: Option<&Mark>,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(Step),
) {
    let segments = list_segments(&options.data.join(LOG)).unwrap_or_default();
    let lengths = segments
        .iter()
        .filter_map(|segment| segment.path.metadata().ok());
    let total = lengths.map(|meta| meta.len()).sum();
    let mut done = 0;
    let read = read_whole_log(options, mark, &mut |bytes| {
        done += bytes;
        progress(Step::Files { done, total });
    });
    if let Err(Damage { lost_from, reason }) = read {
        report.add(Finding::of(lost_from, reason));
    }
}

fn read_tables(folder: &Path, report: &mut VerifyReport, progress: &mut dyn FnMut(Step)) {
    if !folder.exists() {
        return;
    }
    let verified = verify_tables(folder, &mut |step| {
        progress(Step::Files {
            done: step.done,
            total: step.total,
        });
    });
    match verified {
        Ok(verified) => {
            for damage in verified.damaged {
                report.add_somewhere(damage.to_string());
            }
        }
        Err(damage) => report.add_somewhere(damage.to_string()),
    }
}

fn read_checkpoints(
    options: &Options,
    log: &EmbeddedLog,
    report: &mut VerifyReport,
) -> Result<Sightings, VerifyFailure> {
    let key = log.keys().signing().verifying_key();
    let inside = options.data.join(checkpoint::FOLDER);
    let mut sightings = Sightings::new();
    for folder in [Some(&inside), options.checkpoint_dir.as_ref()]
        .into_iter()
        .flatten()
    {
        let notes = read_folder(folder, &key).map_err(|error| VerifyFailure::Checkpoints {
            folder: folder.clone(),
            error,
        })?;
        for found in notes {
            take_note(&found, &mut sightings, report);
        }
    }
    Ok(sightings)
}

fn take_note(found: &FoundNote, sightings: &mut Sightings, report: &mut VerifyReport) {
    let whose = format!("the checkpoint at {}:{}", found.file.display(), found.line);
    match found.note {
        Ok(Note { uid, offset, head }) => {
            report.checkpoints += 1;
            sightings.entry(uid).or_default().push(Sighting {
                offset,
                hash: head,
                whose,
            });
        }
        Err(error) if error.is_cut_short() => report.unreadable_checkpoints += 1,
        Err(error) => report.add_somewhere(format!("{whose}: {error}")),
    }
}

/// Follows every chain. Sightings that were compared are taken away.
fn follow(
    log: &EmbeddedLog,
    sightings: &mut Sightings,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(Step),
) -> Chains {
    let mut chains = Chains::default();
    let mut after = CommitNumber(0);
    let total = log.head().0;
    for list in sightings.values_mut() {
        list.sort_by_key(|sighting| std::cmp::Reverse(sighting.offset));
    }
    loop {
        let pages = match log.reader().manifests(after, PAGES) {
            Ok(pages) => pages,
            Err(failure) => {
                report.add_somewhere(failure.to_string());
                return chains;
            }
        };
        let Some(newest) = pages.last().map(|page| page.manifest.commit) else {
            break;
        };
        for entry in pages.iter().flat_map(|page| &page.manifest.entries) {
            let mut disagreements = Vec::new();
            let followed = chains.follow(&log.reader(), entry, &mut |link| {
                report.events += 1;
                disagreements.extend(compare(link, sightings));
            });
            if let Err(broken) = followed {
                report.add_at(broken.project, broken.offset, &broken.reason);
            }
            for (offset, reason) in disagreements {
                report.add_at(entry.project, offset, &reason);
            }
        }
        report.batches += pages.len() as u64;
        after = newest;
        progress(Step::Batches {
            done: after.0,
            total,
        });
    }
    chains
}

/// What was seen at this offset, and is not so.
fn compare(link: Link, sightings: &mut Sightings) -> Vec<(Offset, String)> {
    let mut disagreements = Vec::new();
    let Some(list) = sightings.get_mut(&link.uid) else {
        return disagreements;
    };
    while let Some(sighting) = list.pop_if(|next| next.offset <= link.offset) {
        if sighting.offset == link.offset && sighting.hash != link.hash {
            let reason = format!("{} saw another event here", sighting.whose);
            disagreements.push((link.offset, reason));
        }
    }
    disagreements
}

/// Sightings beyond the ends of the chains: what was seen there has been cut off.
fn unseen(chains: &Chains, sightings: &Sightings, report: &mut VerifyReport) {
    let numbers: HashMap<ProjectUid, _> = chains
        .links()
        .map(|(project, link)| (link.uid, project))
        .collect();
    for (uid, list) in sightings {
        // descending, so the first is the furthest
        let Some(furthest) = list.first() else {
            continue;
        };
        let project = numbers.get(uid).copied();
        let end = project.and_then(|project| chains.get(project));
        let end = end.map_or(Offset(0), |link| link.offset);
        if furthest.offset <= end {
            continue;
        }
        report.add(Finding {
            project,
            uid: Some(*uid),
            offset: Some(end.next()),
            reason: format!(
                "the log ends before it, {} saw it up to offset {}",
                furthest.whose, furthest.offset
            ),
        });
    }
}

fn compare_mark(chains: &Chains, log: &EmbeddedLog, mark: &Mark, report: &mut VerifyReport) {
    for entry in &mark.entries {
        let end = chains
            .get(entry.project)
            .map_or(Offset(0), |link| link.offset);
        if entry.last > end {
            let reason = format!(
                "the log ends before it, the watermark saw offset {}",
                entry.last
            );
            report.add_at(entry.project, end.next(), &reason);
        } else if log.hash_at(entry.project, entry.last) != Ok(entry.head) {
            report.add_at(
                entry.project,
                entry.last,
                "the watermark saw another event here",
            );
        }
    }
}
