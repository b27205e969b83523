//! What must not be seen.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use everlog_domain::access::RoleSet;
use everlog_domain::ports::{Page, Rows, RowsFailure, Visibility};
use everlog_domain::query::{Cursor, Query};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, threads};

use super::{ONE, TWO, dump, every_plan, ids, list, project_all, roles, thread, threads_of_two};
use crate::conformance::history::{BEGINNING, History};

/// A caller whose roles no row names gets no row and no total, whichever way the list is read.
pub(super) fn strangers_see_nothing(rows: &dyn Rows) {
    project_all(rows, &threads_of_two());
    let nothing = Page {
        total: 0,
        rows: vec![],
    };
    for stranger in [
        RoleSet::default(),
        RoleSet::guest(),
        roles(&["user:eve", "team:crews"]),
    ] {
        for query in every_plan() {
            let page = list(rows, &query, Visibility::Roles(&stranger));
            assert_eq!(page, Ok(nothing.clone()), "{query:?}");
        }
    }
    let ann = roles(&["user:ann"]);
    for query in every_plan() {
        let page = list(rows, &query, Visibility::Roles(&ann)).expect("the query is sound");
        assert!(!ids(&page).contains(&"t3".to_owned()), "{query:?}");
    }
}

/// Who has lost the role loses the row, and who has got one gets it.
pub(super) fn a_revocation_takes_a_row_out(rows: &dyn Rows) {
    let mut history = threads_of_two();
    history.set_readers(1, "t1", &["user:bob"]);
    history.commit();
    project_all(rows, &history);
    let (ann, bob) = (roles(&["user:ann"]), roles(&["user:bob"]));
    for query in every_plan() {
        let of_ann = list(rows, &query, Visibility::Roles(&ann)).expect("the query is sound");
        let of_bob = list(rows, &query, Visibility::Roles(&bob)).expect("the query is sound");
        assert!(!ids(&of_ann).contains(&"t1".to_owned()), "{query:?}");
        assert!(!ids(&of_bob).contains(&"t2".to_owned()), "{query:?}");
    }
    let page = list(rows, &Query::default(), Visibility::Roles(&bob)).expect("the query is sound");
    assert_eq!(
        (page.total, ids(&page)),
        (2, vec!["t1".into(), "t3".into()])
    );
}

/// The id of a row that the caller may not see is not confirmed.
pub(super) fn an_unseen_cursor_names_no_row(rows: &dyn Rows) {
    project_all(rows, &threads_of_two());
    let bob = roles(&["user:bob"]);
    for key in ["t1", "nothing"] {
        for cursor in [Cursor::After, Cursor::Before] {
            let query = Query {
                cursor: Some(cursor(vec![key.into()])),
                ..Query::default()
            };
            let page = list(rows, &query, Visibility::Roles(&bob));
            assert_eq!(page, Err(RowsFailure::CursorNotFound), "{query:?}");
        }
    }
}

/// Items have no readers of their own: their thread is authorised, not they.
pub(super) fn roles_alone_see_no_items(rows: &dyn Rows) {
    project_all(rows, &threads_of_two());
    let ann = roles(&["user:ann", "any"]);
    let view = rows.view();
    let page = view.list(
        ONE,
        items::TABLE,
        &Query::default(),
        Visibility::Roles(&ann),
    );
    assert_eq!(page.expect("the query is sound").rows, Vec::<Row>::new());
    let page = view.list(ONE, items::TABLE, &Query::default(), Visibility::All);
    assert_eq!(page.expect("the query is sound").rows.len(), 1);
}

/// Another project's rows, streams, heads and wishes are not there.
pub(super) fn projects_do_not_see_each_other(rows: &dyn Rows) {
    let mut history = threads_of_two();
    history.post_wished(1, "t1", &["i2"], History::wish(1));
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    for query in every_plan() {
        let page = view.list(TWO, threads::TABLE, &query, Visibility::All);
        assert_eq!(page.expect("the query is sound").rows, Vec::<Row>::new());
    }
    let scope = History::wish(1).scope;
    assert_eq!(view.get(TWO, threads::TABLE, &["t1".into()]), Ok(None));
    assert_eq!(view.stream_head(TWO, &thread("t1")), Ok(None));
    assert_eq!(view.project_head(TWO), Ok(None));
    assert_eq!(view.granted(TWO, &scope, BEGINNING), Ok(None));
    assert_eq!(dump(view.as_ref(), TWO), Vec::<String>::new());
}
