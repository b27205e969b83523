//! Streams, lives, heads and wishes.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use everlog_domain::envelope::EventKind;
use everlog_domain::ids::{Offset, Position};
use everlog_domain::ports::{Rows, StreamBack, StreamEntry, StreamRange};
use everlog_domain::tables::system::{deltas, items, open_items};
use everlog_domain::time::{DAY_US, Time};

use super::{ONE, TWO, dump, project_all, texts, thread, threads_of_two};
use crate::conformance::history::{BEGINNING, History};

/// The stream index answers from any offset on, with any limit, whatever came in one batch.
pub(super) fn streams_are_read(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t1", None, &[]);
    history.create_thread(1, "t2", None, &[]);
    for number in 0..9 {
        let thread = if number % 3 == 0 { "t2" } else { "t1" };
        history.post(1, thread, &format!("i{number}"));
        if number < 3 || number == 6 {
            history.commit();
        }
    }
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    let head = history.head(1, &thread("t1")).expect("the thread is there");
    assert_eq!(view.stream_head(ONE, &thread("t1")), Ok(Some(head)));
    let read = |after, limit| {
        let range = StreamRange {
            stream: thread("t1"),
            incarnation: head.incarnation,
            after: Offset(after),
            limit,
        };
        view.stream(ONE, &range).expect("the index is sound")
    };
    let all = read(0, 99);
    assert_eq!(all.len(), 7);
    assert_eq!(all[0].kind, EventKind::ThreadCreated);
    let positions: Vec<u64> = all.iter().map(|entry| entry.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7]);
    for after in 0..=history.last_offset(1).0 + 1 {
        let expected: Vec<StreamEntry> =
            all.iter().copied().filter(|e| e.offset.0 > after).collect();
        assert_eq!(read(after, 99), expected, "after {after}");
        assert_eq!(
            read(after, 2),
            expected[..expected.len().min(2)],
            "after {after}"
        );
    }
}

/// The stream index answers backwards from any position, with any limit, of one life only; and it
/// knows which life had begun at an offset.
pub(super) fn streams_are_read_back(rows: &dyn Rows) {
    let mut history = History::new();
    for life in 0..2 {
        history.create_thread(1, "t1", None, &[]);
        history.create_thread(1, &format!("other{life}"), None, &[]);
        for number in 0..7 {
            history.post(1, "t1", &format!("i{number}"));
            if number % 3 == life {
                history.commit();
            }
        }
        history.delete_thread(1, "t1");
        history.commit();
    }
    project_all(rows, &history);
    let view = rows.view();
    let newest = history
        .head(1, &thread("t1"))
        .expect("the thread was there");
    let first_of = |at| {
        let head = view.stream_head_at(ONE, &thread("t1"), Offset(at));
        head.expect("the index is sound")
    };
    assert_eq!(first_of(0), None);
    let old = first_of(1).expect("the first life has begun");
    assert_eq!((old.incarnation, old.position), (Offset(1), Position(9)));
    for at in 1..newest.incarnation.0 {
        assert_eq!(first_of(at), Some(old), "at {at}");
    }
    assert_eq!(first_of(newest.incarnation.0), Some(newest));
    assert_eq!(first_of(u64::MAX - 1), Some(newest));
    assert_eq!(view.stream_head_at(ONE, &thread("t"), Offset(99)), Ok(None));
    for incarnation in [old.incarnation, newest.incarnation] {
        let all = view.stream(
            ONE,
            &StreamRange {
                stream: thread("t1"),
                incarnation,
                after: Offset(0),
                limit: 99,
            },
        );
        let all = all.expect("the index is sound");
        assert_eq!(all.len(), 9);
        for before in 0..=11 {
            for limit in [0, 1, 2, 99] {
                let range = StreamBack {
                    stream: thread("t1"),
                    incarnation,
                    before: Position(before),
                    limit,
                };
                let back = view.stream_back(ONE, &range).expect("the index is sound");
                let within = all.iter().rev().filter(|entry| entry.position.0 < before);
                let expected: Vec<StreamEntry> = within.take(limit).copied().collect();
                assert_eq!(back, expected, "before {before}, {limit}");
            }
        }
    }
}

/// An id that is used again shows its new life only, in rows and in streams.
pub(super) fn a_new_life_hides_the_old_one(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t", Some("old"), &["any"]);
    let old = history.head(1, &thread("t")).expect("the thread is there");
    for number in 0..5 {
        history.post(1, "t", &format!("i{number}"));
    }
    history.commit();
    history.delete_thread(1, "t");
    history.create_thread(1, "t", Some("new"), &["any"]);
    history.post(1, "t", "i0");
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    let new = history.head(1, &thread("t")).expect("the thread is there");
    assert_ne!(new.incarnation, old.incarnation);
    assert_eq!(view.stream_head(ONE, &thread("t")), Ok(Some(new)));
    assert_eq!(new.position, Position(2));
    let items = view
        .scan(ONE, items::TABLE, &["t".into()], None, 99)
        .expect("the table is sound");
    assert_eq!(items.len(), 1);
    let dumped = dump(view.as_ref(), ONE);
    assert_eq!(
        dumped
            .iter()
            .filter(|line| line.contains("\"items\""))
            .count(),
        1,
        "{dumped:?}"
    );
    let range = StreamRange {
        stream: thread("t"),
        incarnation: old.incarnation,
        after: Offset(0),
        limit: 99,
    };
    assert_eq!(view.stream(ONE, &range).map(|entries| entries.len()), Ok(7));
    let (old, new) = (old.incarnation, new.incarnation);
    let before = Offset(new.0 - 1);
    for (from, limit, expected) in [
        (Offset(0), 9, vec![old, new]),
        (Offset(0), 1, vec![old]),
        (old, 9, vec![old, new]),
        (before, 9, vec![old, new]),
        (new, 9, vec![new]),
        (Offset(u64::MAX - 1), 9, vec![new]),
    ] {
        let lives = view.lives(ONE, &thread("t"), from, limit);
        assert_eq!(lives, Ok(expected), "from {from}, at most {limit}");
    }
    assert_eq!(view.lives(ONE, &thread("u"), Offset(0), 9), Ok(Vec::new()));
}

/// What an item was made from goes when it is whole, in the same batch or later.
pub(super) fn a_finished_item_has_no_deltas(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t", None, &["any"]);
    for (item, batches) in [("one", 1), ("many", 4)] {
        let opened = history.open_item(1, "t", item);
        for _ in 0..batches {
            history.append_delta(1, "t", item, opened);
            if batches > 1 {
                history.commit();
            }
        }
        history.finish_item(1, "t", item, opened);
    }
    let opened = history.open_item(1, "t", "half");
    history.append_delta(1, "t", "half", opened);
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    let all = |table| {
        view.scan(ONE, table, &[], None, 99)
            .expect("the table is sound")
    };
    assert_eq!(all(deltas::TABLE).len(), 1);
    assert_eq!(all(open_items::TABLE).len(), 1);
    let states: Vec<String> = all(items::TABLE)
        .iter()
        .map(|row| texts(row, items::STATUS))
        .collect();
    assert_eq!(states, ["finished", "finished", "open"]);
    history.abandon_item(1, "t", "half", opened);
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    assert_eq!(view.scan(ONE, deltas::TABLE, &[], None, 9), Ok(vec![]));
    assert_eq!(view.scan(ONE, open_items::TABLE, &[], None, 9), Ok(vec![]));
}

/// Heads have the identity, offset, hash, time and access epoch of the log.
pub(super) fn heads_follow_the_log(rows: &dyn Rows) {
    let mut history = threads_of_two();
    history.set_readers(1, "t1", &["any"]);
    history.time = history.time.plus_seconds(5);
    history.post(1, "t1", "i9");
    history.create_thread(2, "x", None, &[]);
    history.commit();
    project_all(rows, &history);
    let entry = history.batches[1].manifest.entries[0];
    let head = rows.view().project_head(ONE).expect("the heads are sound");
    let head = head.expect("the project has events");
    assert_eq!(
        (head.uid, head.offset, head.hash),
        (entry.uid, entry.last, entry.head)
    );
    assert_eq!(head.access_epoch, Offset(entry.last.0 - 1));
    assert_eq!(head.time, BEGINNING.plus_seconds(5));
    let other = rows.view().project_head(TWO).expect("the heads are sound");
    assert_eq!(
        other.map(|head| (head.offset, head.access_epoch)),
        Some((Offset(1), Offset(0)))
    );
}

/// A wish is known on its day and the day after, by its first event; later it is forgotten.
pub(super) fn wishes_are_known_for_two_days(rows: &dyn Rows) {
    let mut history = threads_of_two();
    let first = Offset(history.last_offset(1).0 + 1);
    let (wish, other) = (History::wish(1), History::wish(2));
    history.post_wished(1, "t1", &["i5", "i6"], wish);
    history.commit();
    project_all(rows, &history);
    let granted = |scope, now| {
        rows.view()
            .granted(ONE, scope, now)
            .expect("the scopes are sound")
    };
    let day = |days: i64| Time(BEGINNING.0 + days * DAY_US);
    assert_eq!(granted(&other.scope, day(0)), None);
    for now in [day(-1), day(0), day(1)] {
        assert_eq!(granted(&wish.scope, now), Some((first, wish.body)), "{now}");
    }
    assert_eq!(granted(&wish.scope, day(2)), None);
    history.time = day(2);
    history.post(1, "t1", "i7");
    history.commit();
    project_all(rows, &history);
    for now in [day(0), day(1), day(2)] {
        assert_eq!(granted(&wish.scope, now), None, "{now}");
    }
}
