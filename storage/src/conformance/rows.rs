//! What every [`Rows`] must do. The denials come first.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

mod batches;
mod clashes;
mod denials;
mod forks;
mod lists;
mod streams;

use everlog_domain::access::{Role, RoleSet};
use everlog_domain::envelope::Stream;
use everlog_domain::ids::{ProjectNumber, ThreadId};
use everlog_domain::ports::{Page, Rows, RowsFailure, RowsView, Visibility};
use everlog_domain::query::{Comparison, Direction, Filter, OrderBy, Query};
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;

use super::history::{History, project};

const ONE: ProjectNumber = ProjectNumber(1);
const TWO: ProjectNumber = ProjectNumber(2);

/// A promise by name, and what tries it on an empty projection.
pub type Promise = (&'static str, fn(&dyn Rows));

/// Every promise. Each needs an empty projection of its own.
pub const PROMISES: &[Promise] = &[
    (
        "strangers see nothing, whatever the plan",
        denials::strangers_see_nothing,
    ),
    (
        "a revocation takes a row out of every list",
        denials::a_revocation_takes_a_row_out,
    ),
    (
        "a cursor on an unseen row names no row",
        denials::an_unseen_cursor_names_no_row,
    ),
    (
        "roles alone see nothing of tables without readers",
        denials::roles_alone_see_no_items,
    ),
    (
        "projects do not see each other",
        denials::projects_do_not_see_each_other,
    ),
    (
        "a batch out of turn is refused",
        batches::a_batch_out_of_turn_is_refused,
    ),
    (
        "a batch without its events is refused",
        batches::a_batch_without_its_events_is_refused,
    ),
    ("a batch is taken once", batches::a_batch_is_taken_once),
    ("the first row stays", clashes::the_first_row_stays),
    (
        "the first holder keeps a unique key",
        clashes::the_first_holder_keeps_a_unique_key,
    ),
    (
        "a unique key is free when its holder goes",
        clashes::a_unique_key_is_free_when_its_holder_goes,
    ),
    (
        "the last row takes a key that was decided",
        clashes::the_last_row_takes_a_decided_key,
    ),
    (
        "an empty projection has nothing",
        lists::an_empty_projection_has_nothing,
    ),
    (
        "changes are told with before and after",
        batches::changes_are_told,
    ),
    ("a view does not move", batches::a_view_does_not_move),
    (
        "rows are found by key, index and prefix",
        lists::rows_are_found,
    ),
    (
        "lists are ordered and cut",
        lists::lists_are_ordered_and_cut,
    ),
    (
        "cursors lead through a list both ways",
        lists::cursors_lead_both_ways,
    ),
    (
        "a cursor marks a place in the order",
        lists::a_cursor_marks_a_place,
    ),
    (
        "totals are counted to their bound",
        lists::totals_are_counted,
    ),
    (
        "a page is bounded in memory",
        lists::a_page_is_bounded_in_memory,
    ),
    ("streams are read from an offset", streams::streams_are_read),
    ("streams are read backwards", streams::streams_are_read_back),
    (
        "a new life hides the old one",
        streams::a_new_life_hides_the_old_one,
    ),
    (
        "a finished item has no deltas",
        streams::a_finished_item_has_no_deltas,
    ),
    ("what forks share is kept", forks::what_forks_share_is_kept),
    ("heads follow the log", streams::heads_follow_the_log),
    (
        "wishes are known for two days",
        streams::wishes_are_known_for_two_days,
    ),
];

/// Tries every promise, each on an empty projection of its own that `with_empty_rows` hands to it.
pub fn keeps_every_promise(mut with_empty_rows: impl FnMut(fn(&dyn Rows))) {
    for (_, promise) in PROMISES {
        with_empty_rows(*promise);
    }
}

/// Projects all batches of a history.
pub fn project_all(rows: &dyn Rows, history: &History<'_>) {
    for batch in &history.batches {
        project(rows, batch);
    }
}

/// The canonical dump of a project.
#[must_use]
pub fn dump(view: &dyn RowsView, project: ProjectNumber) -> Vec<String> {
    let mut lines = Vec::new();
    view.dump(project, &mut |line| lines.push(line.to_owned()))
        .expect("a sound projection is dumped");
    lines
}

/// The roles of a user.
#[must_use]
pub fn roles(texts: &[&str]) -> RoleSet {
    let roles = texts.iter();
    roles
        .map(|role| Role::parse(role).expect("the role is one"))
        .collect()
}

fn texts(row: &[Value], place: usize) -> String {
    row[place].as_text().unwrap_or_default().to_owned()
}

fn ids(page: &Page) -> Vec<String> {
    let rows = page.rows.iter();
    rows.map(|row| texts(row, threads::ID)).collect()
}

fn ordered(column: usize, direction: Direction) -> Query {
    Query {
        order: vec![OrderBy { column, direction }],
        ..Query::default()
    }
}

fn thread(thread: &str) -> Stream {
    Stream::thread(&ThreadId::parse(thread).expect("the id is one"))
}

fn list(rows: &dyn Rows, query: &Query, visibility: Visibility<'_>) -> Result<Page, RowsFailure> {
    rows.view().list(ONE, threads::TABLE, query, visibility)
}

/// Queries that lead through every plan: key, indexes, ranges, sorting.
fn every_plan() -> Vec<Query> {
    let directions = [Direction::Ascending, Direction::Descending];
    let columns = [
        threads::ID,
        threads::SEQUENCE,
        threads::LAST_ITEM_AT,
        threads::NAME,
        threads::CREATED_AT,
    ];
    let orders = columns.into_iter().flat_map(|column| {
        let orders = directions.map(|direction| ordered(column, direction));
        orders.into_iter()
    });
    let filters = [
        vec![],
        vec![Filter::equal(threads::ID, "t1")],
        vec![Filter::equal(threads::NAME, "red")],
        vec![Filter::Compare {
            column: threads::SEQUENCE,
            comparison: Comparison::Greater,
            values: vec![Value::Int(0)],
        }],
        vec![Filter::Or(vec![
            Filter::equal(threads::NAME, "red"),
            Filter::equal(threads::NAME, "blue"),
        ])],
    ];
    let orders: Vec<Query> = orders.chain([Query::default()]).collect();
    let mut all = Vec::new();
    for order in &orders {
        for filters in &filters {
            all.push(Query {
                filters: filters.clone(),
                ..order.clone()
            });
        }
    }
    all
}

/// Three threads: two of Ann's, one of Bob's.
fn threads_of_two() -> History<'static> {
    let mut history = History::new();
    history.create_thread(1, "t1", Some("red"), &["user:ann"]);
    history.create_thread(1, "t2", Some("blue"), &["user:ann", "team:crew"]);
    history.create_thread(1, "t3", None, &["user:bob"]);
    history.post(1, "t1", "i1");
    history.commit();
    history
}
