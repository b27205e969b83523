//! Rows by key and index, and lists of them.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use everlog_domain::ids::{CommitNumber, Offset};
use everlog_domain::ports::{Rows, RowsFailure, StreamRange, Visibility};
use everlog_domain::query::{
    Comparison, Cursor, Direction, Filter, MAX_PAGE_BYTES, MAX_TOTAL, Query, Total,
};
use everlog_domain::tables::system::{items, keys, sessions, threads, users};
use everlog_domain::value::Value;

use super::{ONE, every_plan, ids, list, ordered, project_all, texts, thread, threads_of_two};
use crate::conformance::history::History;

/// Nothing is nothing, not an error.
pub(super) fn an_empty_projection_has_nothing(rows: &dyn Rows) {
    let view = rows.view();
    assert_eq!(
        (rows.reached(), view.commit()),
        (CommitNumber(0), CommitNumber(0))
    );
    assert_eq!(view.get(ONE, threads::TABLE, &["t".into()]), Ok(None));
    assert_eq!(
        view.find(ONE, users::TABLE, users::BY_EMAIL, &[Value::Null]),
        Ok(None)
    );
    assert_eq!(view.scan(ONE, items::TABLE, &[], None, 9), Ok(vec![]));
    assert_eq!(view.project_head(ONE), Ok(None));
    let range = StreamRange {
        stream: thread("t"),
        incarnation: Offset(1),
        after: Offset(0),
        limit: 9,
    };
    assert_eq!(view.stream(ONE, &range), Ok(vec![]));
    for query in every_plan() {
        let page = list(rows, &query, Visibility::All).expect("the query is sound");
        assert_eq!((page.total, page.rows), (0, vec![]));
    }
}

/// Rows by primary key, by index, and by the start of a key.
pub(super) fn rows_are_found(rows: &dyn Rows) {
    let mut history = threads_of_two();
    for item in ["i2", "i3"] {
        history.post(1, "t1", item);
    }
    history.post(1, "t2", "i1");
    history.register(1, "ann", "A@Example.org");
    history.sign_in(1, "ann", "s1");
    history.create_key(1, "k1");
    history.create_key(1, "k2");
    history.delete_key(1, "k1");
    history.sign_in(1, "ann", "s2");
    history.sign_out(1, "ann", "s1");
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    let by_email = view.find(
        ONE,
        users::TABLE,
        users::BY_EMAIL,
        &["a@example.org".into()],
    );
    assert!(by_email.is_ok_and(|row| row.is_some_and(|row| row[users::ID] == "ann".into())));
    let sessions = view.scan(ONE, sessions::TABLE, &["ann".into()], None, 9);
    assert!(sessions.is_ok_and(|rows| rows.len() == 1 && rows[0][sessions::ID] == "s2".into()));
    assert_eq!(view.get(ONE, keys::TABLE, &["k1".into()]), Ok(None));
    assert!(
        view.get(ONE, keys::TABLE, &["k2".into()])
            .is_ok_and(|row| row.is_some())
    );
    assert!(view.find(ONE, users::TABLE, 9, &["x".into()]).is_err());

    let head = history.head(1, &thread("t1")).expect("the thread is there");
    let life: [Value; 2] = ["t1".into(), Value::counter(head.incarnation.0)];
    let all = view
        .scan(ONE, items::TABLE, &life, None, 9)
        .expect("the table is sound");
    let found: Vec<String> = all.iter().map(|row| texts(row, items::ID)).collect();
    assert_eq!(found, ["i1", "i2", "i3"]);
    let first = [&life[..], &[all[0][items::POSITION].clone()]].concat();
    let rest = view.scan(ONE, items::TABLE, &life, Some(&first), 1);
    assert_eq!(rest, Ok(vec![all[1].clone()]));
    let by_id = [&life[..], &["i3".into()]].concat();
    assert_eq!(
        view.find(ONE, items::TABLE, items::BY_ID, &by_id),
        Ok(Some(all[2].clone()))
    );
}

/// Order, limit, offset, filters and chosen columns.
pub(super) fn lists_are_ordered_and_cut(rows: &dyn Rows) {
    let mut history = History::new();
    for (id, name) in [
        ("a", Some("red")),
        ("b", None),
        ("c", Some("blue")),
        ("d", Some("red")),
    ] {
        history.time = history.time.plus_seconds(1);
        history.create_thread(1, id, name, &["any"]);
    }
    history.time = history.time.plus_seconds(1);
    history.post(1, "b", "i");
    history.commit();
    project_all(rows, &history);
    let of = |query: &Query| ids(&list(rows, query, Visibility::All).expect("the query is sound"));
    let (up, down) = (Direction::Ascending, Direction::Descending);
    let table = [
        (Query::default(), vec!["a", "b", "c", "d"]),
        (
            ordered(threads::LAST_ITEM_AT, down),
            vec!["b", "d", "c", "a"],
        ),
        (ordered(threads::LAST_ITEM_AT, up), vec!["a", "c", "d", "b"]),
        // Nothing sorts first; ties go by id, in the direction of the order.
        (ordered(threads::NAME, up), vec!["b", "c", "a", "d"]),
        (ordered(threads::NAME, down), vec!["d", "a", "c", "b"]),
    ];
    for (query, expected) in table {
        assert_eq!(of(&query), expected, "{query:?}");
        let cut = Query {
            offset: 1,
            limit: 2,
            ..query
        };
        assert_eq!(of(&cut), expected[1..3], "{cut:?}");
    }
    let query = Query {
        filters: vec![Filter::equal(threads::NAME, "red")],
        select: Some(vec![threads::NAME]),
        ..ordered(threads::SEQUENCE, down)
    };
    let page = list(rows, &query, Visibility::All).expect("the query is sound");
    assert_eq!(ids(&page), ["d", "a"]);
    assert_eq!(page.rows[0][threads::SEQUENCE], Value::Null);
    assert_eq!(page.rows[0][threads::NAME], "red".into());
}

/// Pages after and before a row, in the same order.
pub(super) fn cursors_lead_both_ways(rows: &dyn Rows) {
    let mut history = History::new();
    for number in 0..7 {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        history.create_thread(1, &format!("t{number}"), Some(name), &["any"]);
    }
    history.commit();
    project_all(rows, &history);
    for base in every_plan() {
        let filters = Vec::new();
        let all = Query {
            filters,
            ..base.clone()
        };
        let whole = list(rows, &all, Visibility::All).expect("the query is sound");
        for (place, row) in whole.rows.iter().enumerate() {
            let key = vec![row[threads::ID].clone()];
            let page = |cursor| {
                let query = Query {
                    cursor: Some(cursor),
                    limit: 2,
                    ..all.clone()
                };
                list(rows, &query, Visibility::All).expect("the query is sound")
            };
            let after = page(Cursor::After(key.clone()));
            let end = whole.rows.len().min(place + 3);
            assert_eq!(
                after.rows,
                whole.rows[place + 1..end],
                "{all:?} after {place}"
            );
            let before = page(Cursor::Before(key));
            let start = place.saturating_sub(2);
            assert_eq!(
                before.rows,
                whole.rows[start..place],
                "{all:?} before {place}"
            );
            assert_eq!((after.total, before.total), (7, 7));
        }
    }
}

/// A cursor need not meet the filters: it marks a place in the order.
pub(super) fn a_cursor_marks_a_place(rows: &dyn Rows) {
    let mut history = History::new();
    for (id, name) in [
        ("a", "red"),
        ("b", "blue"),
        ("c", "red"),
        ("d", "blue"),
        ("e", "red"),
    ] {
        history.create_thread(1, id, Some(name), &["any"]);
    }
    history.commit();
    project_all(rows, &history);
    let of = |name: &str, cursor| {
        let query = Query {
            filters: vec![Filter::equal(threads::NAME, name)],
            cursor: Some(cursor),
            ..Query::default()
        };
        ids(&list(rows, &query, Visibility::All).expect("the query is sound"))
    };
    let key = |id: &str| vec![Value::text(id)];
    assert_eq!(of("red", Cursor::After(key("b"))), ["c", "e"]);
    assert_eq!(of("red", Cursor::Before(key("d"))), ["a", "c"]);
    assert_eq!(of("blue", Cursor::After(key("c"))), ["d"]);
    assert_eq!(of("blue", Cursor::Before(key("c"))), ["b"]);
}

/// A total ignores the page, stops at its bound, and is 0 if nobody asked.
pub(super) fn totals_are_counted(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t", None, &["any"]);
    let many = usize::try_from(MAX_TOTAL).expect("the bound is small") + 10;
    for number in 0..many {
        history.post(1, "t", &format!("i{number}"));
    }
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    let total = |query: &Query| {
        let page = view.list(ONE, items::TABLE, query, Visibility::All);
        page.expect("the query is sound").total
    };
    let query = Query {
        limit: 1,
        offset: 3,
        ..Query::default()
    };
    assert_eq!(total(&query), MAX_TOTAL);
    let few = Query {
        filters: vec![Filter::Compare {
            column: items::POSITION,
            comparison: Comparison::LessOrEqual,
            values: vec![Value::Int(11)],
        }],
        ..query.clone()
    };
    assert_eq!(total(&few), 10);
    let skipped = Query {
        total: Total::Skipped,
        ..query
    };
    assert_eq!(total(&skipped), 0);
}

/// Whatever the plan. One row alone is always given.
pub(super) fn a_page_is_bounded_in_memory(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t", None, &["any"]);
    let long = "x".repeat(MAX_PAGE_BYTES / 4);
    for id in ["a", "b", "c", "d"] {
        history.post_text(1, "t", id, long.clone());
        history.commit();
    }
    project_all(rows, &history);
    let page = |query: &Query| {
        let page = rows.view().list(ONE, items::TABLE, query, Visibility::All);
        page.map(|page| page.rows.len())
    };
    let limit = MAX_PAGE_BYTES;
    for order in [items::OFFSET, items::ID, items::ROLE] {
        let of = |limit, select: Option<Vec<usize>>| Query {
            limit,
            select,
            ..ordered(order, Direction::Ascending)
        };
        assert_eq!(
            page(&of(4, None)),
            Err(RowsFailure::PageTooLarge { limit }),
            "ordered by column {order}"
        );
        assert_eq!(page(&of(3, None)), Ok(3), "ordered by column {order}");
        assert_eq!(page(&of(4, Some(vec![items::ID]))), Ok(4));
    }
    history.post_text(1, "t", "0", long.repeat(5));
    history.commit();
    project_all(rows, &history);
    let newest = |limit| Query {
        limit,
        ..ordered(items::OFFSET, Direction::Descending)
    };
    assert_eq!(page(&newest(1)), Ok(1));
    assert_eq!(page(&newest(2)), Err(RowsFailure::PageTooLarge { limit }));
}
