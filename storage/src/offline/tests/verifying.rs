use std::path::Path;

use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::ports::ReadFailure;
use everlog_domain::time::Time;
use tempfile::TempDir;

use super::forge::Forger;
use crate::checkpoint::{self, Checkpoints};
use crate::fixture::{options, reopen, written};
use crate::offline::{VerifyFailure, VerifyReport, verify};
use crate::open::{OpenRefused, Options};
use crate::record::Place;

const BATCHES: u64 = 20;
const ONE: ProjectNumber = ProjectNumber(1);

/// A data folder with checkpoints in it and outside of it.
struct Kept {
    data: TempDir,
    outside: TempDir,
}

impl Kept {
    fn new() -> Self {
        let kept = Self {
            data: written(BATCHES),
            outside: tempfile::tempdir().unwrap(),
        };
        let log = reopen(kept.data()).unwrap();
        let inside = kept.data().join(checkpoint::FOLDER);
        let outside = Some(kept.outside.path().to_path_buf());
        Checkpoints::new(log, inside, outside).write().unwrap();
        kept
    }

    fn data(&self) -> &Path {
        self.data.path()
    }

    fn forger(&self) -> Forger {
        Forger::of(self.data())
    }

    fn verified(&self) -> VerifyReport {
        let with_outside = Options {
            checkpoint_dir: Some(self.outside.path().to_path_buf()),
            ..options(self.data())
        };
        verify(&with_outside, &mut |_| {}).unwrap()
    }

    /// Without the folder outside.
    fn verified_alone(&self) -> VerifyReport {
        verify(&options(self.data()), &mut |_| {}).unwrap()
    }
}

const fn one(offset: u64) -> Place {
    Place::new(ONE, Offset(offset))
}

#[track_caller]
fn assert_found(report: &VerifyReport, place: Place) {
    let found = report.findings.iter().any(|finding| {
        finding.project == Some(place.project) && finding.offset == Some(place.offset)
    });
    assert!(found, "offset {}: {:#?}", place.offset, report.findings);
}

#[test]
fn an_edited_envelope_is_found() {
    let kept = Kept::new();
    kept.forger()
        .edit_envelope(one(7), |envelope| envelope.time = Time(1));
    let report = kept.verified_alone();
    assert_found(&report, one(7));
    assert_eq!(report.events, 2 * BATCHES, "all the rest was read");
}

#[test]
fn an_edited_payload_is_found() {
    let kept = Kept::new();
    kept.forger().edit_payload(one(7), "never said");
    assert_found(&kept.verified_alone(), one(7));
}

/// A server does not wait for `verify`: what it reads in a row must be linked.
#[test]
fn a_reader_of_a_sequence_names_a_broken_link() {
    let kept = Kept::new();
    let forger = kept.forger();
    forger.edit_payload(one(7), "never said");
    assert!(forger.read(one(1), 7).is_ok());
    let found = forger.read(one(1), 8).unwrap_err();
    assert!(
        matches!(found, ReadFailure::Damaged { offset, .. } if offset == Offset(8)),
        "{found}"
    );
}

#[test]
fn a_flipped_payload_is_found() {
    let kept = Kept::new();
    kept.forger().flip_payload(one(7));
    assert_found(&kept.verified_alone(), one(7));
}

#[test]
fn an_edited_last_record_is_found() {
    let kept = Kept::new();
    kept.forger().edit_payload(one(BATCHES), "never said");
    assert_found(&kept.verified_alone(), one(BATCHES));
}

#[test]
fn an_event_taken_out_is_found() {
    let kept = Kept::new();
    kept.forger().remove_event(one(7));
    assert_found(&kept.verified_alone(), one(7));
}

#[test]
fn an_event_slipped_in_is_found() {
    let kept = Kept::new();
    kept.forger().slip_in(one(BATCHES));
    assert_found(&kept.verified_alone(), one(BATCHES));
}

#[test]
fn a_batch_taken_out_is_found() {
    let kept = Kept::new();
    kept.forger().remove_batch(CommitNumber(7));
    assert_found(&kept.verified_alone(), one(7));
}

#[test]
fn a_removed_tail_is_found_by_checkpoints() {
    let kept = Kept::new();
    kept.forger().remove_tail(3);
    for report in [kept.verified_alone(), kept.verified()] {
        assert_found(&report, one(BATCHES - 2));
    }
    std::fs::remove_dir_all(kept.data().join(checkpoint::FOLDER)).unwrap();
    assert_found(&kept.verified(), one(BATCHES - 2));
}

#[test]
fn a_chain_written_anew_is_found_by_the_checkpoint_outside() {
    let kept = Kept::new();
    kept.forger().chain_anew(one(7), "never said");
    let report = kept.verified_alone();
    assert!(
        report.is_sound(),
        "from inside it is a chain like any other: {report:#?}"
    );
    let report = kept.verified();
    assert_eq!(report.findings.len(), 1, "{report:#?}");
    assert_found(&report, one(BATCHES));
}

#[test]
fn a_checkpoint_that_was_changed_is_found() {
    let kept = Kept::new();
    let file = std::fs::read_dir(kept.outside.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|ending| ending == "checkpoints")
        })
        .unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\n20\n", "\n19\n")).unwrap();
    let report = kept.verified();
    assert_eq!(report.findings.len(), 1, "{report:#?}");
    assert!(
        report.findings[0].reason.contains("signature"),
        "{report:#?}"
    );
}

#[test]
fn a_folder_in_use_is_not_judged() {
    let kept = Kept::new();
    let _log = reopen(kept.data()).unwrap();
    let refused = verify(&options(kept.data()), &mut |_| {});
    assert!(
        matches!(
            refused,
            Err(VerifyFailure::Refused(OpenRefused::Locked { .. }))
        ),
        "{refused:?}"
    );
}

#[test]
fn a_sound_folder_is_sound() {
    let kept = Kept::new();
    let report = kept.verified();
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!((report.projects, report.batches), (2, BATCHES));
    assert_eq!((report.events, report.checkpoints), (2 * BATCHES, 4));
}
