use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::ports::{Log, Rows};
use everlog_domain::time::Time;

use super::forge::Forger;
use crate::fixture::{Image, SEGMENT, append, continued, options, reopen, written};
use crate::offline::{LostHistory, RepairFailure, repair, verify};
use crate::open::{OpenRefused, open};
use crate::record::Place;

const BATCHES: u64 = 20;
const ONE: ProjectNumber = ProjectNumber(1);

#[test]
fn a_copy_is_never_written_over_anything() {
    let data = Image::written(1).placed();
    let to = tempfile::tempdir().unwrap();
    std::fs::write(to.path().join("letter"), b"dear").unwrap();
    let failure = repair(&options(data.path()), to.path(), &mut |_| {});
    assert!(
        matches!(failure, Err(RepairFailure::NotEmpty { .. })),
        "{failure:?}"
    );
}

#[test]
fn a_folder_in_use_is_not_copied() {
    let data = Image::written(1).placed();
    let to = tempfile::tempdir().unwrap();
    let _log = reopen(data.path()).unwrap();
    let failure = repair(&options(data.path()), to.path(), &mut |_| {});
    assert!(
        matches!(
            failure,
            Err(RepairFailure::Refused(OpenRefused::Locked { .. }))
        ),
        "{failure:?}"
    );
}

#[test]
fn damage_in_the_log_costs_what_lies_beyond_it() {
    let sound = Image::written(BATCHES);
    let at = sound.batches()[11].end;
    let damages = [
        sound.edited(SEGMENT, |bytes| bytes[at..][..13].fill(0)),
        sound.edited(SEGMENT, |bytes| bytes[at + 40] ^= 1),
        sound.edited(SEGMENT, |bytes| bytes.truncate(at)),
        sound.edited(SEGMENT, |bytes| bytes.truncate(at + 100)),
    ];
    for (number, damaged) in damages.iter().enumerate() {
        let data = damaged.placed();
        assert!(reopen(data.path()).is_err(), "damage {number} is refused");
        let to = tempfile::tempdir().unwrap();
        let report = repair(&options(data.path()), to.path(), &mut |_| {}).unwrap();
        assert_eq!(report.commit, CommitNumber(12), "damage {number}");
        let lost: Vec<_> = report
            .lost
            .iter()
            .map(|lost| (lost.kept, lost.seen))
            .collect();
        assert_eq!(lost, [(Offset(12), Offset(BATCHES)); 2], "damage {number}");
        let after = Image::of(data.path()).with("lock", b"");
        assert!(
            after == damaged.with("lock", b""),
            "damage {number}: the original was changed"
        );
        assert_opens_with(to.path(), 12);
    }
}

/// What stands around the batches can be written anew.
#[test]
fn damage_at_the_edges_of_a_sealed_segment_costs_nothing() {
    let folder = written(2);
    let log = reopen(folder.path()).unwrap();
    let mut batches = continued(&log);
    let large = "large ".repeat(300_000);
    for _ in 0..6 {
        append(&log, &mut batches, &large);
    }
    drop(log);
    let sound = Image::of(folder.path());
    assert!(sound.names().filter(|name| name.starts_with("log")).count() > 1);
    let seal = sound.file(SEGMENT).len() - 1;
    let damages = [
        sound.edited(SEGMENT, |bytes| bytes[seal] ^= 1),
        sound.edited(SEGMENT, |bytes| bytes.truncate(seal)),
        sound.edited(SEGMENT, |bytes| bytes[9] ^= 1),
    ];
    for (number, damaged) in damages.iter().enumerate() {
        let data = damaged.placed();
        assert!(reopen(data.path()).is_err(), "damage {number} is refused");
        let to = tempfile::tempdir().unwrap();
        let report = repair(&options(data.path()), to.path(), &mut |_| {}).unwrap();
        assert_eq!((report.commit, report.lost.len()), (CommitNumber(8), 0));
        assert_opens_with(to.path(), 8);
    }
}

#[test]
fn an_edited_event_costs_what_lies_beyond_it() {
    let data = Image::written(BATCHES).placed();
    let place = Place::new(ONE, Offset(7));
    Forger::of(data.path()).edit_envelope(place, |envelope| envelope.time = Time(1));
    let to = tempfile::tempdir().unwrap();
    let report = repair(&options(data.path()), to.path(), &mut |_| {}).unwrap();
    assert_eq!(report.commit, CommitNumber(6));
    let of_one = report.lost.iter().find(|lost| lost.project == ONE).copied();
    let uid = Some(crate::conformance::batches::uid(ONE));
    let expected = LostHistory {
        project: ONE,
        uid,
        kept: Offset(6),
        seen: Offset(BATCHES),
    };
    assert_eq!(of_one, Some(expected));
    assert!(
        report
            .against
            .is_some_and(|reason| reason.contains("offset 7"))
    );
    let left = std::fs::read(to.path().join(SEGMENT)).unwrap();
    let whole = std::fs::read(data.path().join(SEGMENT)).unwrap();
    assert!(left.len() < whole.len() / 2, "{} bytes", left.len());
    assert_opens_with(to.path(), 6);
}

#[test]
fn a_sound_folder_is_copied_whole() {
    let data = Image::written(BATCHES).placed();
    let to = tempfile::tempdir().unwrap();
    let report = repair(&options(data.path()), to.path(), &mut |_| {}).unwrap();
    assert_eq!(
        (report.commit, report.lost.len()),
        (CommitNumber(BATCHES), 0)
    );
    assert_opens_with(to.path(), BATCHES);
}

#[track_caller]
fn assert_opens_with(data: &std::path::Path, batches: u64) {
    let opened = open(&options(data)).unwrap();
    assert_eq!(opened.log.head(), CommitNumber(batches));
    assert_eq!(opened.rows.reached(), CommitNumber(batches));
    drop(opened);
    let report = verify(&options(data), &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{report:#?}");
}
