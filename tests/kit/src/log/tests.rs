//! The faults do what they are named for.

use everlog_domain::ids::{CommitNumber, ProjectUid};
use everlog_domain::log::{Batch, Manifest};
use everlog_domain::ports::{AppendFailure, Log, SealFailure, Subject};
use everlog_domain::projects::{KeyDeleted, ProjectEvent};

use super::{AppendFault, MemoryLog, SealFault};

fn batch(commit: u64) -> Batch {
    Batch {
        manifest: Manifest {
            commit: CommitNumber(commit),
            entries: Vec::new(),
        },
        events: Vec::new(),
    }
}

#[test]
fn a_full_disk_takes_nothing_and_recovers() {
    let log = MemoryLog::new();
    log.fail_append(2, AppendFault::Full);
    assert_eq!(log.append(&batch(1)), Ok(()));
    assert_eq!(log.append(&batch(2)), Err(AppendFailure::Full));
    assert_eq!(log.head(), CommitNumber(1));
    assert_eq!(log.append(&batch(2)), Ok(()));
    assert!(!log.is_broken());
}

#[test]
fn a_broken_log_takes_no_more_and_a_restart_finds_what_the_fault_says() {
    let table = [
        (AppendFault::BrokenBefore, CommitNumber(0)),
        (AppendFault::BrokenAfter, CommitNumber(1)),
    ];
    for (fault, left) in table {
        let log = MemoryLog::new();
        log.fail_append(1, fault);
        for number in 1..=2 {
            let refused = log.append(&batch(number));
            assert!(matches!(refused, Err(AppendFailure::Broken { .. })));
        }
        assert!(log.is_broken());
        assert_eq!(log.appends_after_broken(), 1);
        assert_eq!(MemoryLog::open(log.disk()).head(), left);
    }
}

#[test]
fn seals_fail_when_asked_to() {
    let event = ProjectEvent::from(KeyDeleted {
        key: everlog_domain::ids::KeyId::from_seed(b"k"),
    });
    let log = MemoryLog::new();
    let seal = || {
        log.seal(
            ProjectUid([1; 16]),
            &Subject::Project,
            &event.clone().into(),
        )
    };
    log.fail_seal(1, SealFault::Keys);
    log.fail_seal(2, SealFault::Panic);
    assert!(matches!(seal(), Err(SealFailure::Keys { .. })));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(seal)).is_err());
    assert!(seal().is_ok());
}
