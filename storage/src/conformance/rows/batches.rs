//! Batches: in turn, whole, once.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use std::sync::Arc;

use everlog_domain::ids::CommitNumber;
use everlog_domain::ports::{Rows, RowsFailure};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::threads;

use super::{ONE, TWO, dump, project_all, texts, threads_of_two};
use crate::conformance::history::{History, events, project};

/// A gap in the numbers is an error, and changes nothing.
pub(super) fn a_batch_out_of_turn_is_refused(rows: &dyn Rows) {
    let mut history = threads_of_two();
    // Of another project, so that only the numbers tell.
    history.create_thread(2, "t1", None, &[]);
    history.commit();
    let late = &history.batches[1];
    let refused = rows.project(&late.manifest, &events(late));
    assert!(
        matches!(refused, Err(RowsFailure::Engine { .. })),
        "{refused:?}"
    );
    assert_eq!(rows.reached(), CommitNumber(0));
    assert_eq!(dump(rows.view().as_ref(), TWO), Vec::<String>::new());
    project_all(rows, &history);
    assert_eq!(rows.reached(), CommitNumber(2));
}

/// What the manifest says and what comes must agree.
pub(super) fn a_batch_without_its_events_is_refused(rows: &dyn Rows) {
    let history = threads_of_two();
    let batch = &history.batches[0];
    let whole = events(batch);
    for part in [&whole[..2], &whole[1..], &[]] {
        let refused = rows.project(&batch.manifest, part);
        assert!(
            matches!(refused, Err(RowsFailure::Engine { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(rows.reached(), CommitNumber(0));
}

/// A batch that is there already changes nothing and tells of nothing.
pub(super) fn a_batch_is_taken_once(rows: &dyn Rows) {
    let history = threads_of_two();
    project_all(rows, &history);
    let before = dump(rows.view().as_ref(), ONE);
    assert_eq!(project(rows, &history.batches[0]), Vec::new());
    assert_eq!(dump(rows.view().as_ref(), ONE), before);
}

/// Each event comes back with the rows of tables with readers that it changed.
pub(super) fn changes_are_told(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t1", Some("red"), &["any"]);
    history.register(1, "ann", "a@example.org");
    history.time = history.time.plus_seconds(1);
    history.post(1, "t1", "i1");
    history.rename_thread(1, "t1", "blue");
    history.delete_thread(1, "t1");
    history.commit();
    let projected = project(rows, &history.batches[0]);
    let told: Vec<Vec<(bool, bool)>> = projected
        .iter()
        .map(|one| {
            let deltas = one.deltas.iter();
            deltas
                .map(|delta| (delta.before.is_some(), delta.after.is_some()))
                .collect()
        })
        .collect();
    let changed = vec![(true, true)];
    let expected = [
        vec![(false, true)],
        vec![],
        changed.clone(),
        changed,
        vec![(true, false)],
    ];
    assert_eq!(told, expected);
    let name = |row: &Option<Arc<Row>>| row.as_ref().map(|row| texts(row, threads::NAME));
    let renamed = &projected[3].deltas[0];
    assert_eq!(name(&renamed.before).as_deref(), Some("red"));
    assert_eq!(name(&renamed.after).as_deref(), Some("blue"));
    assert_eq!(projected[2].deltas[0].after, renamed.before);
}

/// What a view shows stays as it was.
pub(super) fn a_view_does_not_move(rows: &dyn Rows) {
    let mut history = threads_of_two();
    project_all(rows, &history);
    let view = rows.view();
    let before = dump(view.as_ref(), ONE);
    history.delete_thread(1, "t1");
    history.rename_thread(1, "t2", "green");
    history.commit();
    project_all(rows, &history);
    assert_eq!(dump(view.as_ref(), ONE), before);
    assert_eq!(
        (view.commit(), rows.view().commit()),
        (CommitNumber(1), CommitNumber(2))
    );
    assert_ne!(dump(rows.view().as_ref(), ONE), before);
}
