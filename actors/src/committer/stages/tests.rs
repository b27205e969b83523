use std::sync::atomic::{AtomicU64, Ordering};

use everlog_domain::envelope::Stream;
use everlog_domain::event::Event;
use everlog_domain::ids::{ProjectNumber, ProjectUid, ThreadId};
use everlog_domain::log::{Append, Basis, Draft, Expected, ProjectHead};
use everlog_domain::ports::Subject;
use everlog_domain::threads::{ThreadDeleted, ThreadEvent};
use everlog_kit::{AppendFault, MemoryLog};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::*;
use crate::fixture;

const PROJECT: ProjectNumber = ProjectNumber(2);
const UID: ProjectUid = ProjectUid([2; 16]);

/// Counts events, and nothing else.
#[derive(Default)]
struct Events(Arc<AtomicU64>);

impl Recorder for Events {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "everlog_events_total" => Counter::from_arc(Arc::clone(&self.0)),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn append(log: &MemoryLog, thread: &str) -> (ProjectNumber, Entry) {
    let thread = ThreadId::from_seed(thread.as_bytes());
    let stream = Stream::thread(&thread);
    let event = Event::Thread(ThreadEvent::from(ThreadDeleted { thread }));
    let sealed = log.seal(UID, &Subject::Thread(stream.id.clone()), &event);
    let append = Append {
        expected: vec![Expected {
            stream: stream.clone(),
            head: None,
            basis: Basis::Durable,
        }],
        ..fixture::append(
            PROJECT,
            CommitNumber(0),
            vec![Draft {
                stream,
                event,
                sealed: sealed.unwrap(),
            }],
        )
    };
    let answer = Box::new(|_| {});
    let submission = Box::new(Submission { append, answer });
    (PROJECT, Entry::Append(submission))
}

#[test]
fn events_that_the_log_refused_are_not_counted() {
    let log = Arc::new(MemoryLog::new());
    let mut stage = LogStage {
        arbiter: Arbiter::new(CommitNumber(0)),
        log: log.clone(),
    };
    let events = Events::default();
    let mut commit = |threads: &[&str]| {
        let activate = Entry::Activate(ProjectHead::empty(UID), CommitNumber(0));
        let appends = threads.iter().map(|thread| append(&log, thread));
        let taken = std::iter::once((PROJECT, activate))
            .chain(appends)
            .collect();
        metrics::with_local_recorder(&events, || stage.run(taken).map(|_| ())).unwrap();
        events.0.load(Ordering::Relaxed)
    };
    assert_eq!(commit(&["t1", "t2"]), 2);
    log.fail_append(1, AppendFault::Full);
    assert_eq!(commit(&["t3"]), 2);
}
