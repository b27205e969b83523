//! The ledger finds what it is there to find.

use super::ledger::{Ledger, Violation, Write};
use super::server::{Item, LoggedEvent};

/// Two writes, one after the other, at offsets 2 and 3, acknowledged at 10 and 20 bytes of the trace.
fn ledger() -> Ledger {
    acknowledged_at([2, 3])
}

fn acknowledged_at(offsets: [u64; 2]) -> Ledger {
    let mut ledger = Ledger::default();
    for ((name, position), offset) in [("a", 10), ("b", 20)].into_iter().zip(offsets) {
        let write = Write {
            idempotency_key: name.into(),
            thread: "t".into(),
            wanted_id: name.into(),
            text: format!("text of {name}"),
        };
        let id = ledger.begin(write);
        ledger.acknowledge(id, name.into(), offset, position);
    }
    ledger
}

fn event(offset: u64, item: Option<(&str, &str)>) -> LoggedEvent {
    let kind = if item.is_some() {
        "item.posted"
    } else {
        "thread.created"
    };
    let item = item.map(|(id, text)| Item {
        id: id.into(),
        text: text.into(),
    });
    LoggedEvent {
        offset,
        stream: "thread/t".into(),
        kind: kind.into(),
        item,
    }
}

fn log() -> Vec<LoggedEvent> {
    vec![
        event(1, None),
        event(2, Some(("a", "text of a"))),
        event(3, Some(("b", "text of b"))),
    ]
}

fn changed(change: impl FnOnce(&mut Vec<LoggedEvent>)) -> Vec<LoggedEvent> {
    let mut log = log();
    change(&mut log);
    log
}

#[test]
fn every_violation_is_found() {
    let lost = || Violation::Lost {
        key: "b".into(),
        offset: 3,
    };
    let cases = [
        (changed(|log| drop(log.pop())), vec![lost()]),
        (
            changed(|log| log.push(event(4, Some(("b", "text of b"))))),
            vec![
                Violation::Moved {
                    key: "b".into(),
                    acknowledged: 3,
                    found: 4,
                },
                Violation::Twice {
                    key: "b".into(),
                    first: 3,
                    second: 4,
                },
            ],
        ),
        (
            changed(|log| log[2] = event(3, Some(("b", "text of B")))),
            vec![
                Violation::Unknown {
                    offset: 3,
                    beginning: "text of B".into(),
                },
                lost(),
            ],
        ),
        (
            changed(|log| log[2] = event(3, Some(("x", "text of b")))),
            vec![Violation::Renamed {
                key: "b".into(),
                acknowledged: "b".into(),
                found: "x".into(),
            }],
        ),
        (
            changed(|log| log[2].stream = "thread/u".into()),
            vec![Violation::InAnotherThread {
                key: "b".into(),
                found: "thread/u".into(),
            }],
        ),
        (
            changed(|log| drop(log.remove(0))),
            vec![
                Violation::Gap {
                    expected: 1,
                    found: 2,
                },
                Violation::Gap {
                    expected: 2,
                    found: 3,
                },
            ],
        ),
    ];
    for (log, violations) in cases {
        assert_eq!(ledger().check(&log), violations, "{log:?}");
    }
    assert_eq!(ledger().check(&log()), []);
}

#[test]
fn what_began_later_stands_later() {
    let log = [
        event(1, None),
        event(2, Some(("b", "text of b"))),
        event(3, Some(("a", "text of a"))),
    ];
    assert_eq!(
        acknowledged_at([3, 2]).check(&log),
        [Violation::OutOfOrder {
            earlier: 2,
            later: 3
        }]
    );
}

#[test]
fn before_a_cut_only_what_was_acknowledged_by_then_must_be_there() {
    let first_only = &log()[..2];
    assert_eq!(ledger().at(19).check(first_only), []);
    assert_eq!(ledger().at(20).check(first_only).len(), 1);
    assert_eq!(ledger().at(19).check(&log()), [], "the other may be there");
}
