//! What forks share with their source.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use everlog_domain::ids::{Offset, Position};
use everlog_domain::ports::{Rows, RowsView, StreamRange};
use everlog_domain::tables::system::{item_versions, items};
use everlog_domain::value::Value;

use super::{ONE, project_all, thread};
use crate::conformance::history::History;

/// An item of a thread that was forked is kept as it was before each change, and its rows stay when the
/// thread ends; of any other nothing is kept. A fork's stream goes on where its source was.
pub(super) fn what_forks_share_is_kept(rows: &dyn Rows) {
    let mut history = History::new();
    for thread in ["source", "other"] {
        history.create_thread(1, thread, None, &[]);
        let posted = history.post(1, thread, "a");
        history.edit_item(1, thread, "a", posted);
        history.post(1, thread, "b");
    }
    history.commit();
    history.fork_thread(1, "source", "fork");
    history.commit();
    for thread in ["source", "other"] {
        // in one batch: what was kept first is before what the second change sees
        history.edit_item(1, thread, "a", Position(2));
        history.delete_item(1, thread, "a", Position(2));
    }
    history.post(1, "fork", "c");
    history.commit();
    for thread in ["source", "other"] {
        history.delete_thread(1, thread);
    }
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    let view = view.as_ref();
    let life = |name: &str| {
        let head = history
            .head(1, &thread(name))
            .expect("the thread was there");
        [Value::text(name), Value::counter(head.incarnation.0)]
    };
    let count = |table, name: &str| {
        let rows = view.scan(ONE, table, &life(name), None, 99);
        rows.expect("the rows are sound").len()
    };
    assert_eq!(count(item_versions::TABLE, "source"), 2);
    assert_eq!(count(items::TABLE, "source"), 2);
    assert_eq!(count(item_versions::TABLE, "other"), 0);
    assert_eq!(count(items::TABLE, "other"), 0);
    let versions = view.scan(ONE, item_versions::TABLE, &life("source"), None, 99);
    let versions = versions.expect("the rows are sound");
    let status = |row: &[Value]| row[items::STATUS].clone();
    let kept: Vec<Value> = versions.iter().map(|row| status(row)).collect();
    assert_eq!(kept, ["finished", "finished"].map(Value::from));
    a_fork_goes_on(view, &history);
}

fn a_fork_goes_on(view: &dyn RowsView, history: &History<'_>) {
    let fork = history.head(1, &thread("fork")).expect("the fork is there");
    assert_eq!(view.stream_head(ONE, &thread("fork")), Ok(Some(fork)));
    for after in 0..=fork.incarnation.0 + 8 {
        let range = StreamRange {
            stream: thread("fork"),
            incarnation: fork.incarnation,
            after: Offset(after),
            limit: 9,
        };
        let entries = view.stream(ONE, &range).expect("the index is sound");
        let positions: Vec<u64> = entries.iter().map(|entry| entry.position.0).collect();
        // its beginning, and its one item after what the source did meanwhile
        let expected: &[u64] = match after.checked_sub(fork.incarnation.0) {
            None => &[5, 6],
            Some(0..=4) => &[6],
            Some(_) => &[],
        };
        assert_eq!(positions, expected, "after {after}");
    }
}
