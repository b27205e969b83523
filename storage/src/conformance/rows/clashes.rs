//! Clashes: decisions look first, so there should be none. What is in the log has happened all the
//! same, so the rows go on by a rule, the same for every engine and every rebuild.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::ports::{Rows, Visibility};
use everlog_domain::query::{Filter, Query};
use everlog_domain::tables::system::{items, sessions, threads, users};
use everlog_domain::value::Value;

use super::{ONE, TWO, dump, project_all, texts, threads_of_two};
use crate::conformance::history::{History, project};

const SECRET: &str = "the same";

/// A row with the key of another is not put: the first one stays, nothing is told, the rest of the
/// batch goes on.
pub(super) fn the_first_row_stays(rows: &dyn Rows) {
    let mut history = threads_of_two();
    history.create_thread(1, "t4", None, &[]);
    history.create_thread(1, "t1", Some("green"), &["any"]);
    history.create_thread(1, "t5", None, &[]);
    history.commit();
    project(rows, &history.batches[0]);
    let first = rows.view().get(ONE, threads::TABLE, &["t1".into()]);
    let told = project(rows, &history.batches[1]);
    let deltas: Vec<usize> = told.iter().map(|event| event.deltas.len()).collect();
    assert_eq!(deltas, [1, 0, 1]);
    assert_eq!(rows.reached(), CommitNumber(2));
    let view = rows.view();
    assert_eq!(view.get(ONE, threads::TABLE, &["t1".into()]), first);
    let page = view.list(ONE, threads::TABLE, &Query::default(), Visibility::All);
    assert_eq!(page.map(|page| page.rows.len()), Ok(5));
}

/// The first row with a unique key keeps it, within a batch and between batches, whatever the
/// order of their primary keys. The later one is put, and every list shows both.
pub(super) fn the_first_holder_keeps_a_unique_key(rows: &dyn Rows) {
    let mut history = History::new();
    history.register(1, "mia", "a@example.org");
    history.commit();
    history.register(1, "ann", "a@example.org");
    history.register(1, "zoe", "b@example.org");
    history.register(1, "bob", "b@example.org");
    history.commit();
    project_all(rows, &history);
    assert_eq!(user(rows, "a@example.org").as_deref(), Some("mia"));
    assert_eq!(user(rows, "b@example.org").as_deref(), Some("zoe"));
    assert_eq!(dump(rows.view().as_ref(), ONE).len(), 4);
    let same = Query {
        filters: vec![Filter::equal(users::EMAIL, "a@example.org")],
        ..Query::default()
    };
    let page = rows.view().list(ONE, users::TABLE, &same, Visibility::All);
    let found = page.expect("the table is sound").rows;
    let found: Vec<String> = found.iter().map(|row| texts(row, users::ID)).collect();
    assert_eq!(found, ["ann", "mia"]);
}

/// A key is free when its holder goes, not when a row goes that never held it. A row that was put
/// without it stays without it. All the same whether this is one batch or many.
pub(super) fn a_unique_key_is_free_when_its_holder_goes(rows: &dyn Rows) {
    let mut history = History::new();
    let mut holders = Vec::new();
    let mut project_step = |history: &mut History<'_>| {
        let batch = history.commit().expect("each step has an event");
        project(rows, batch);
        holders.push(session(rows, ONE));
    };
    sign_ins(&mut history, 1, &mut project_step);
    let held = |session: &str| Some(session.to_owned());
    let (first, last) = (held("s1"), held("s4"));
    let expected = [&first, &first, &first, &first, &None, &last, &last].map(Clone::clone);
    assert_eq!(holders, expected);
    sign_ins(&mut history, 2, &mut |_| {});
    let batch = history.commit().expect("something happened");
    project(rows, batch);
    assert_eq!(session(rows, TWO), held("s4"));
}

/// Where decisions see to it that no two rows share a key, nobody looks: of rows that do, the last
/// one is found, within a batch and between batches. All of them are put.
pub(super) fn the_last_row_takes_a_decided_key(rows: &dyn Rows) {
    let mut history = History::new();
    history.create_thread(1, "t", None, &["any"]);
    history.post(1, "t", "one");
    history.commit();
    let one = history.post(1, "t", "one");
    history.post(1, "t", "two");
    let two = history.post(1, "t", "two");
    history.commit();
    project_all(rows, &history);
    let view = rows.view();
    for (id, position) in [("one", one), ("two", two)] {
        let life = Value::counter(1);
        let found = view.find(
            ONE,
            items::TABLE,
            items::BY_ID,
            &["t".into(), life, id.into()],
        );
        let row = found.expect("the index is sound").expect("the id is taken");
        assert_eq!(row[items::POSITION], Value::counter(position.0), "{id}");
    }
    let all = view.scan(ONE, items::TABLE, &["t".into()], None, 9);
    assert_eq!(all.map(|rows| rows.len()), Ok(4));
}

/// Sessions that have one secret, one step at a time.
fn sign_ins(history: &mut History<'_>, project: u64, after: &mut dyn FnMut(&mut History<'_>)) {
    history.sign_in_with(project, "ann", "s1", SECRET);
    after(history);
    history.sign_in_with(project, "bob", "s2", SECRET);
    after(history);
    history.sign_out(project, "bob", "s2");
    after(history);
    history.sign_in_with(project, "bob", "s3", SECRET);
    after(history);
    history.sign_out(project, "ann", "s1");
    after(history);
    history.sign_in_with(project, "cyd", "s4", SECRET);
    after(history);
    history.sign_out(project, "bob", "s3");
    after(history);
}

/// The session that the secret leads to.
fn session(rows: &dyn Rows, project: ProjectNumber) -> Option<String> {
    let hash = History::secret_hash(SECRET).to_string();
    let view = rows.view();
    let found = view.find(
        project,
        sessions::TABLE,
        sessions::BY_SECRET,
        &[hash.as_str().into()],
    );
    let row = found.expect("the index is sound")?;
    Some(texts(&row, sessions::ID))
}

/// The user that an address leads to.
fn user(rows: &dyn Rows, email: &str) -> Option<String> {
    let view = rows.view();
    let found = view.find(ONE, users::TABLE, users::BY_EMAIL, &[email.into()]);
    let row = found.expect("the index is sound")?;
    Some(texts(&row, users::ID))
}
