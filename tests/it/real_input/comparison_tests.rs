//! The comparison finds what it is there to find.

use super::comparison::{Fault, compare, first_out_of_order};
use super::seen::{Fingerprint, Seen};
use super::subscription::{Gap, Subscription};

/// Items by dialogue and id.
type Items = [(usize, &'static str)];

/// Thread 0 with the items a and b, thread 1 with the item c.
const EXPECTED: &Items = &[(0, "a"), (0, "b"), (1, "c")];

fn seen(items: &Items) -> Seen {
    let mut seen = Seen::default();
    for (dialogue, id) in items {
        seen.add(*dialogue, Fingerprint::of_text(id, "user", "the same text"));
    }
    seen
}

#[test]
fn every_fault_is_found() {
    let lost = |dialogue, item| Fault::Lost { dialogue, item };
    let unknown = |dialogue, item| Fault::Unknown { dialogue, item };
    let twice = |dialogue, item| Fault::Twice { dialogue, item };
    let cases: [(&Items, Vec<Fault>); 8] = [
        (EXPECTED, vec![]),
        (&[(1, "c"), (0, "a"), (0, "b")], vec![]),
        (&[(0, "b"), (1, "c")], vec![lost(0, 0)]),
        (&[(0, "a"), (0, "b")], vec![lost(1, 0)]),
        (&[(0, "a"), (0, "b"), (0, "a"), (1, "c")], vec![twice(0, 0)]),
        (
            &[(0, "b"), (0, "a"), (1, "c")],
            vec![Fault::OutOfOrder { dialogue: 0 }],
        ),
        (
            &[(0, "a"), (0, "x"), (1, "c")],
            vec![unknown(0, 1), lost(0, 1)],
        ),
        (
            &[(0, "a"), (0, "b"), (1, "c"), (2, "c")],
            vec![unknown(2, 0)],
        ),
    ];
    for (found, faults) in cases {
        assert_eq!(compare(&seen(EXPECTED), &seen(found)), faults, "{found:?}");
    }
}

#[test]
fn another_order_over_all_threads_is_found() {
    let cases: [(&Items, Option<usize>); 5] = [
        (EXPECTED, None),
        (&[(0, "a"), (1, "c"), (0, "b")], Some(1)),
        (&[(1, "c"), (0, "a"), (0, "b")], Some(0)),
        (&[(0, "a"), (0, "b")], Some(2)),
        (&[(0, "a"), (0, "b"), (1, "c"), (1, "c")], Some(3)),
    ];
    for (found, place) in cases {
        let first = first_out_of_order(&seen(EXPECTED), &seen(found));
        assert_eq!(first, place, "{found:?}");
    }
}

#[test]
fn a_fingerprint_covers_id_role_type_and_text_and_their_borders() {
    let items = [
        Fingerprint::of_text("i", "user", "text"),
        Fingerprint::of_text("j", "user", "text"),
        Fingerprint::of_text("i", "assistant", "text"),
        Fingerprint::of_text("i", "user", "texts"),
        Fingerprint::of("i", "user", [("reasoning", "text")]),
        Fingerprint::of("i", "user", []),
        Fingerprint::of("i", "user", [("text", "text"), ("text", "")]),
        Fingerprint::of_text("iu", "ser", "text"),
    ];
    for (at, item) in items.iter().enumerate() {
        assert!(!items[..at].contains(item), "{at}");
    }
}

#[test]
fn a_link_that_does_not_join_the_one_before_is_a_gap() {
    let gap = |expected: Option<&str>, found: Option<&str>| {
        Err(Gap {
            expected: expected.map(str::to_owned),
            found: found.map(str::to_owned),
        })
    };
    let mut subscription = Subscription::to_everything();
    assert_eq!(subscription.advance(Some("a"), "b"), gap(None, Some("a")));
    assert_eq!(subscription.advance(None, "a"), Ok(()));
    assert_eq!(subscription.advance(None, "a"), gap(Some("a"), None));
    assert_eq!(subscription.advance(Some("a"), "c"), Ok(()));
    assert_eq!(
        subscription.advance(Some("b"), "d"),
        gap(Some("c"), Some("b"))
    );
}
