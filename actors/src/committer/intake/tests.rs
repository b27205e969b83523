use everlog_domain::ids::ProjectUid;
use everlog_domain::log::ProjectHead;

use super::*;
use crate::fixture;

fn activation() -> Entry {
    Entry::Activate(ProjectHead::empty(ProjectUid([0; 16])), CommitNumber(0))
}

fn append(project: ProjectNumber) -> Entry {
    let append = fixture::append(project, CommitNumber(0), Vec::new());
    Entry::Append(Box::new(Submission {
        append,
        answer: Box::new(|_| {}),
    }))
}

fn projects(taken: &Taken) -> Vec<u64> {
    taken.iter().map(|(project, _)| project.0).collect()
}

#[test]
fn a_closed_intake_takes_nothing_and_gives_out_what_waits() {
    let intake = Intake::default();
    assert!(intake.put(ProjectNumber(1), activation()).is_ok());
    intake.close();
    assert!(intake.put(ProjectNumber(1), activation()).is_err());
    assert_eq!(intake.take().map(|taken| taken.len()), Some(1));
    assert!(intake.take().is_none());
}

#[test]
fn an_aborted_intake_tells_everybody_who_waits() {
    let intake = Intake::default();
    let (told, hears) = std::sync::mpsc::channel();
    let Entry::Append(mut submission) = append(ProjectNumber(1)) else {
        return;
    };
    submission.answer = Box::new(move |outcome| {
        told.send(matches!(outcome, Outcome::Stopped))
            .unwrap_or_default()
    });
    assert!(
        intake
            .put(ProjectNumber(1), Entry::Append(submission))
            .is_ok()
    );
    intake.abort();
    assert_eq!(hears.recv(), Ok(true));
    assert!(intake.take().is_none());
}

#[test]
fn a_busy_project_delays_a_quiet_one_by_one_turn_only() {
    let intake = Intake::default();
    for _ in 0..1_000 {
        assert!(
            intake
                .put(ProjectNumber(1), append(ProjectNumber(1)))
                .is_ok()
        );
    }
    assert!(
        intake
            .put(ProjectNumber(2), append(ProjectNumber(2)))
            .is_ok()
    );
    let taken = intake
        .take()
        .map(|taken| projects(&taken))
        .unwrap_or_default();
    assert_eq!(taken.iter().position(|&project| project == 2), Some(TURN));
    assert_eq!(taken.len(), 1_001);
}

#[test]
fn a_project_keeps_the_order_of_its_entries() {
    let intake = Intake::default();
    assert!(intake.put(ProjectNumber(1), activation()).is_ok());
    assert!(
        intake
            .put(ProjectNumber(1), append(ProjectNumber(1)))
            .is_ok()
    );
    let taken = intake.take().unwrap_or_default();
    assert!(matches!(taken.first(), Some((_, Entry::Activate(..)))));
    assert!(matches!(taken.last(), Some((_, Entry::Append(_)))));
}
