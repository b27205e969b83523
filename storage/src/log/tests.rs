use everlog_domain::ids::{CommitNumber, Offset, ProjectNumber};
use everlog_domain::ports::{AppendFailure, Log, ReadFailure, SealFailure, Subject};

use crate::conformance::batches::{Batches, Post, posted, uid};
use crate::conformance::log::keeps_every_promise;
use crate::fixture::{Image, append, options, reopen, written};
use crate::open::{Options, open_log};
use crate::record::MAX_PAYLOAD_BYTES;

const ONE: ProjectNumber = ProjectNumber(1);

#[test]
fn the_embedded_log_keeps_every_promise() {
    keeps_every_promise(|promise| {
        let folder = tempfile::tempdir().unwrap();
        let log = reopen(folder.path()).unwrap();
        promise(&*log);
    });
}

/// The stand-in that the actors are tested with must not promise more than the log does.
#[test]
fn the_log_in_memory_keeps_every_promise() {
    keeps_every_promise(|promise| promise(&everlog_kit::MemoryLog::new()));
}

#[test]
fn a_payload_beyond_the_bound_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    let large = posted(&"a".repeat(MAX_PAYLOAD_BYTES));
    let refused = log.seal(uid(ONE), &Subject::Project, &large);
    assert!(matches!(refused, Err(SealFailure::TooLarge { .. })));
}

#[test]
fn a_disk_below_its_mark_refuses_and_nothing_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let all = Options {
        low_water_bytes: u64::MAX,
        ..options(folder.path())
    };
    let log = open_log(&all).unwrap();
    let batch = Batches::new().next(&*log, &[Post::new(1, "text")]);
    for _ in 0..3 {
        assert_eq!(log.append(&batch), Err(AppendFailure::Full));
    }
    assert_eq!(log.head(), CommitNumber(0));
    drop(log);
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut Batches::new(), "text");
}

#[test]
fn a_broken_log_takes_nothing_until_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    let mut batches = Batches::new();
    let first = batches.next(&*log, &[Post::new(1, "first")]);
    let second = batches.next(&*log, &[Post::new(1, "second")]);
    let out_of_turn = log.append(&second);
    assert!(matches!(out_of_turn, Err(AppendFailure::Broken { .. })));
    assert!(matches!(
        log.append(&first),
        Err(AppendFailure::Broken { .. })
    ));
    drop(log);
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut Batches::new(), "first");
}

#[test]
fn what_people_wrote_stands_nowhere_in_the_folder() {
    let canary = "the canary sings at noon";
    let folder = tempfile::tempdir().unwrap();
    let log = reopen(folder.path()).unwrap();
    append(&log, &mut Batches::new(), canary);
    drop(log);
    let image = Image::of(folder.path());
    for name in image.names() {
        let bytes = image.file(name.to_str().unwrap());
        let found = bytes
            .windows(canary.len())
            .any(|part| part == canary.as_bytes());
        assert!(!found, "{}", name.display());
    }
}

#[test]
fn events_that_are_not_there_are_damage_within_a_sequence() {
    let folder = written(6);
    let log = reopen(folder.path()).unwrap();
    let place = crate::record::Place::new(ONE, Offset(4));
    log.engine().events.remove(place.record_key()).unwrap();
    for from in 1..=4 {
        let failure = log.read(ONE, Offset(from), 10).unwrap_err();
        let ReadFailure::Damaged {
            project, offset, ..
        } = failure
        else {
            panic!("expected damage, found {failure}")
        };
        assert_eq!((project, offset), (ONE, Offset(4)), "from {from}");
    }
    assert_eq!(log.read(ONE, Offset(5), 10).unwrap().len(), 2);
}
