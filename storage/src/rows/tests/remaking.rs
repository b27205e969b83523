//! What a projection is worth: opened again, made again, purged.

use everlog_domain::access::RoleSet;
use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::ports::{Rows, RowsFailure, Visibility};
use everlog_domain::query::{Direction, OrderBy, Query};
use everlog_domain::tables::system::{items, threads};
use everlog_domain::value::Value;
use everlog_kit::{MemoryLog, MemoryRows};
use proptest::prelude::*;

use super::random::{play, step};
use crate::conformance::history::{History, project};
use crate::conformance::rows::{dump, project_all, roles};
use crate::rows::{Bounds, CatchUpFailure, FjallRows, OpenFailure, catch_up, peek_commit, rebuild};

pub(super) const ONE: ProjectNumber = ProjectNumber(1);

pub(super) fn quiet(_: CommitNumber, _: CommitNumber) {}

/// A thread with more items than one batch purges.
pub(super) fn long_thread(history: &mut History<'_>, posts: usize) {
    history.create_thread(1, "long", None, &["any"]);
    history.create_thread(1, "other", None, &["any"]);
    for number in 0..posts {
        history.post(1, "long", &format!("i{number}"));
    }
    history.commit();
}

#[test]
fn purged_rows_are_gone_at_once_and_removed_in_slices() {
    let folder = tempfile::tempdir().unwrap();
    let rows = FjallRows::open(folder.path()).unwrap();
    let memory = MemoryRows::new();
    let mut history = History::new();
    long_thread(&mut history, 900);
    history.delete_thread(1, "long");
    history.commit();
    project_all(&rows, &history);
    project_all(&memory, &history);
    let expected = dump(&*memory.view(), ONE);
    assert_eq!(dump(&*rows.view(), ONE), expected);
    assert_eq!(
        rows.view().scan(ONE, items::TABLE, &[], None, 9),
        Ok(vec![])
    );
    let page = rows
        .view()
        .list(ONE, items::TABLE, &Query::default(), Visibility::All);
    assert_eq!(page.map(|page| page.total), Ok(0));
    let life: [Value; 2] = ["long".into(), Value::Int(1)];
    let late = [&life[..], &[Value::Int(900)]].concat();
    let by_id = [&life[..], &["i899".into()]].concat();
    assert_eq!(rows.view().get(ONE, items::TABLE, &late), Ok(None));
    let found = rows.view().find(ONE, items::TABLE, items::BY_ID, &by_id);
    assert_eq!(found, Ok(None));
    assert!(
        rows.stored_keys() > 600,
        "a batch purges a slice, not everything"
    );

    drop(rows);
    let rows = FjallRows::open(folder.path()).unwrap();
    assert_eq!(dump(&*rows.view(), ONE), expected, "also after a restart");
    for number in 0..9 {
        history.post(1, "other", &format!("later{number}"));
        history.commit();
    }
    for batch in &history.batches[2..] {
        project(&rows, batch);
        project(&memory, batch);
        assert_eq!(dump(&*rows.view(), ONE), dump(&*memory.view(), ONE));
    }
    let log = MemoryLog::new();
    let fresh = tempfile::tempdir().unwrap();
    let mut again = History::into_log(&log);
    again.create_thread(1, "other", None, &["any"]);
    again.commit();
    let small = rebuild(fresh.path(), &log, &mut quiet).unwrap();
    // 900 items had a row and an index entry each; what stays are streams, and few rows.
    let streams = 900 + 2 + 1 + 9;
    assert!(rows.stored_keys() < streams + small.stored_keys() + 60);
}

#[test]
fn a_list_that_looks_at_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds {
        looked_at: 50,
        ..Bounds::default()
    };
    let rows = FjallRows::open(folder.path()).unwrap().bounded(bounds);
    let mut history = History::new();
    long_thread(&mut history, 60);
    project_all(&rows, &history);
    let by_tokens = Query {
        order: vec![OrderBy {
            column: items::TOKENS,
            direction: Direction::Ascending,
        }],
        ..Query::default()
    };
    let refused = rows
        .view()
        .list(ONE, items::TABLE, &by_tokens, Visibility::All);
    let expected = RowsFailure::TooExpensive {
        looked_at: 51,
        limit: 50,
    };
    assert_eq!(refused, Err(expected));
    let page = rows
        .view()
        .list(ONE, items::TABLE, &Query::default(), Visibility::All);
    assert_eq!(page.map(|page| (page.rows.len(), page.total)), Ok((25, 60)));
}

#[test]
fn a_caller_among_many_is_served_by_postings() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds {
        looked_at: 40,
        few_postings: 2,
        patience: 10,
    };
    let rows = FjallRows::open(folder.path()).unwrap().bounded(bounds);
    let mut history = History::new();
    for number in 0..90 {
        let reader = if number % 18 == 0 {
            "user:ann"
        } else {
            "user:bob"
        };
        history.create_thread(1, &format!("t{number}"), None, &[reader]);
    }
    history.commit();
    project_all(&rows, &history);
    let ann: RoleSet = roles(&["user:ann"]);
    let newest = Query {
        order: vec![OrderBy {
            column: threads::SEQUENCE,
            direction: Direction::Descending,
        }],
        ..Query::default()
    };
    let page = rows
        .view()
        .list(ONE, threads::TABLE, &newest, Visibility::Roles(&ann));
    let page = page.unwrap();
    let ids: Vec<_> = page
        .rows
        .iter()
        .filter_map(|row| row[threads::ID].as_text())
        .collect();
    assert_eq!(
        (page.total, ids),
        (5, vec!["t72", "t54", "t36", "t18", "t0"])
    );
}

#[test]
fn a_projection_goes_on_where_it_was() {
    let log = MemoryLog::new();
    let mut history = History::into_log(&log);
    long_thread(&mut history, 5);
    let folder = tempfile::tempdir().unwrap();
    let rows = FjallRows::open(folder.path()).unwrap();
    catch_up(&rows, &log, &mut quiet).unwrap();
    drop(rows);
    history.post(1, "long", "next");
    history.commit();
    history.delete_thread(1, "other");
    history.commit();
    assert_eq!(peek_commit(folder.path()).unwrap(), Some(CommitNumber(1)));
    let rows = FjallRows::open(folder.path()).unwrap();
    assert_eq!(
        (rows.reached(), rows.view().commit()),
        (CommitNumber(1), CommitNumber(1))
    );
    let mut told = Vec::new();
    catch_up(&rows, &log, &mut |reached, head| {
        told.push((reached.0, head.0))
    })
    .unwrap();
    assert_eq!((rows.reached(), told), (CommitNumber(3), vec![(3, 3)]));
}

#[test]
fn a_projection_ahead_of_the_log_is_named() {
    let (whole, cut) = (MemoryLog::new(), MemoryLog::new());
    let mut history = History::into_log(&whole);
    long_thread(&mut history, 2);
    let folder = tempfile::tempdir().unwrap();
    let rows = rebuild(folder.path(), &whole, &mut quiet).unwrap();
    let failure = catch_up(&rows, &cut, &mut quiet);
    let ahead = matches!(
        failure,
        Err(CatchUpFailure::Ahead {
            rows: CommitNumber(1),
            log: CommitNumber(0)
        })
    );
    assert!(ahead, "{failure:?}");
}

#[test]
fn a_log_with_clashes_opens_and_is_the_same_when_made_again() {
    let log = MemoryLog::new();
    let mut history = History::into_log(&log);
    history.register(1, "mia", "a@example.org");
    history.create_thread(1, "t1", Some("first"), &["any"]);
    history.commit();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = rebuild(one.path(), &log, &mut quiet).unwrap();
    drop(rows);
    history.register(1, "ann", "a@example.org");
    history.create_thread(1, "t1", Some("second"), &["user:ann"]);
    history.commit();
    history.post(1, "t1", "i1");
    history.commit();
    let rows = FjallRows::open(one.path()).unwrap();
    catch_up(&rows, &log, &mut quiet).unwrap();
    let again = rebuild(two.path(), &log, &mut quiet).unwrap();
    assert_eq!(rows.reached(), CommitNumber(3));
    assert_eq!(rows.stored_bytes(), again.stored_bytes());
    let memory = MemoryRows::new();
    project_all(&memory, &history);
    assert_eq!(dump(&*rows.view(), ONE), dump(&*memory.view(), ONE));
}

#[test]
fn a_projection_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    FjallRows::open(folder.path())
        .unwrap()
        .mark_as_of_another_version();
    let refused = FjallRows::open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenFailure::OtherVersion), "{refused}");
    assert!(refused.calls_for_rebuild());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn made_again_it_is_the_same_to_the_byte(steps in prop::collection::vec(step(), 1..120)) {
        let log = MemoryLog::new();
        let mut history = History::into_log(&log);
        play(&mut history, &steps);
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let incremental = FjallRows::open(one.path()).unwrap();
        project_all(&incremental, &history);
        let rebuilt = rebuild(two.path(), &log, &mut quiet).unwrap();
        prop_assert_eq!(incremental.stored_bytes(), rebuilt.stored_bytes());
    }
}
