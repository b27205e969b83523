//! The past against a replay: random histories, each moment of them, each sort of caller.

mod bounded;
mod deeds;
mod model;

use everlog_domain::access::{Caller, Principal, Privilege, Role, Scopes};
use everlog_domain::ids::{ItemId, Offset, ProjectNumber, ThreadId};
use everlog_domain::ports::{Rows, RowsView};
use everlog_domain::query::{Comparison, Cursor, Direction, Filter, OrderBy, Query};
use everlog_domain::tables::system::{self, items, threads};
use everlog_domain::tables::{Row, TableNumber};
use everlog_domain::value::Value;
use everlog_kit::{MemoryLog, MemoryRows};
use everlog_storage::conformance::history::{History, project};
use everlog_storage::rows::FjallRows;
use proptest::prelude::*;

use super::items::ItemCursor;
use super::{Asked, Entry, HISTORY_SCOPE, Past};
use crate::error::{ApiError, ErrorType};
use deeds::{Deed, Doer, deed};
use model::Model;

const ONE: ProjectNumber = ProjectNumber(1);
const THREADS: [&str; 3] = ["a", "b", "c"];

/// Everybody who asks: without an account, with one, keys that may and may not read what is gone.
fn callers() -> Vec<Caller> {
    let roles = |texts: &[&str]| {
        let roles = texts.iter().map(|text| Role::parse(text).unwrap());
        roles.collect()
    };
    let caller = |texts: &[&str], scopes: &[&str], privilege| Caller {
        project: ONE,
        principal: Principal::Guest,
        on_behalf_of: None,
        roles: roles(texts),
        scopes: Scopes::parse(scopes).unwrap(),
        privilege,
        access_epoch: Offset(0),
    };
    let read = "threads.read";
    vec![
        caller(&["any", "guests"], &[read], Privilege::Ordinary),
        caller(&["any", "users", "user:ann"], &[read], Privilege::Ordinary),
        caller(&["any", "users", "user:bob"], &[read], Privilege::Ordinary),
        caller(&[], &[read], Privilege::Key),
        caller(&[], &[read, HISTORY_SCOPE], Privilege::Key),
    ]
}

/// A question to a list, by small numbers.
#[derive(Debug, Clone)]
struct Question {
    order: u8,
    down: bool,
    filter: u8,
    limit: u32,
    offset: u32,
    cursor: Option<(bool, u8)>,
}

fn question() -> impl Strategy<Value = Question> {
    let cursor = prop::option::of((any::<bool>(), 0_u8..12));
    (0_u8..4, any::<bool>(), 0_u8..5, 1_u32..5, 0_u32..2, cursor).prop_map(
        |(order, down, filter, limit, offset, cursor)| Question {
            order,
            down,
            filter,
            limit,
            offset,
            cursor,
        },
    )
}

impl Question {
    fn direction(&self) -> Direction {
        match self.down {
            true => Direction::Descending,
            false => Direction::Ascending,
        }
    }

    fn query(&self, columns: [usize; 3], filters: &[Filter; 3]) -> Query {
        let column = columns.get(usize::from(self.order)).copied();
        let order = column.map(|column| OrderBy {
            column,
            direction: self.direction(),
        });
        Query {
            filters: filters
                .get(usize::from(self.filter))
                .cloned()
                .into_iter()
                .collect(),
            order: order.into_iter().collect(),
            limit: self.limit,
            offset: self.offset,
            ..Query::default()
        }
    }

    fn of_threads(&self) -> Query {
        let columns = [threads::NAME, threads::LAST_ITEM_AT, threads::SEQUENCE];
        let mut query = self.query(columns, &filters(threads::NAME, "red", threads::SEQUENCE));
        query.cursor = self.cursor.map(|(after, number)| {
            let key = vec![Value::text(THREADS[usize::from(number) % THREADS.len()])];
            match after {
                true => Cursor::After(key),
                false => Cursor::Before(key),
            }
        });
        query
    }

    fn of_items(&self) -> Query {
        let columns = [items::POSITION, items::STATUS, items::UPDATED_AT];
        self.query(columns, &filters(items::STATUS, "open", items::POSITION))
    }
}

fn filters(text: usize, value: &str, number: usize) -> [Filter; 3] {
    let compare = |column, comparison, values| Filter::Compare {
        column,
        comparison,
        values,
    };
    [
        Filter::equal(text, value),
        compare(text, Comparison::IsNull, Vec::new()),
        compare(number, Comparison::Greater, vec![Value::Int(3)]),
    ]
}

/// What an answer comes down to: what it says, or how it is refused.
type Answer<T> = Result<T, ErrorType>;

fn answer<T>(result: Result<T, ApiError>) -> Answer<T> {
    result.map_err(|error| error.kind())
}

fn check(rows: &dyn Rows, log: &MemoryLog, model: &Model, questions: &[Question]) {
    let view = rows.view();
    let head = log.newest(ONE);
    for caller in &callers() {
        for at in (0..=head.0).map(Offset) {
            let past = || Past::new(view.as_ref(), log, caller, at);
            for id in THREADS {
                let thread = ThreadId::parse(id).unwrap();
                let found = answer(past().thread(&thread).map(|thread| thread.row));
                assert_eq!(
                    found,
                    model.thread(caller, id, at),
                    "{id} at {at} for {caller:?}"
                );
                check_items(&past(), model, &thread, questions);
            }
            for question in questions {
                let query = question.of_threads();
                let found = answer(past().threads(&query));
                let expected = model.threads(caller, at, &query);
                assert_eq!(found, expected, "{query:?} at {at} for {caller:?}");
            }
        }
        for id in THREADS {
            for item in [None, Some("i0"), Some("i1"), Some("i2")] {
                check_history(log, view.as_ref(), model, caller, (id, item));
            }
        }
    }
}

fn check_items(past: &Past<'_>, model: &Model, thread: &ThreadId, questions: &[Question]) {
    let (caller, at) = (past.caller, past.at);
    let Ok(then) = past.thread(thread) else {
        return;
    };
    let found = past.items(then).unwrap();
    let all = model.items(thread.as_str(), at);
    for number in 0..6 {
        let id = ItemId::parse(&format!("i{number}")).unwrap();
        let expected = all
            .iter()
            .rfind(|row| row[items::ID] == Value::text(id.as_str()));
        let expected = expected.cloned().ok_or(ErrorType::ItemNotFound);
        assert_eq!(
            answer(past.item(&found, &id)),
            expected,
            "{id} at {at} for {caller:?}"
        );
    }
    for question in questions {
        let mut query = question.of_items();
        let id = question
            .cursor
            .map(|(_, number)| format!("i{}", number % 6));
        let cursor = question
            .cursor
            .zip(id.as_deref())
            .map(|((after, _), id)| match after {
                true => ItemCursor::After(id),
                false => ItemCursor::Before(id),
            });
        let listed = answer(past.list_items(&found, &query, cursor));
        query.cursor = cursor.map(|cursor| match cursor {
            ItemCursor::After(id) => Cursor::After(model::key_of_item(&all, id)),
            ItemCursor::Before(id) => Cursor::Before(model::key_of_item(&all, id)),
        });
        let expected = model::page(items::TABLE, &all, &query);
        assert_eq!(listed, expected, "{query:?} of {thread} at {at}");
    }
}

/// Exactly the events that somebody may see, with what the rows were before and after.
fn check_history(
    log: &MemoryLog,
    view: &dyn RowsView,
    model: &Model,
    caller: &Caller,
    (id, item): (&str, Option<&str>),
) {
    let asked = Asked {
        thread: ThreadId::parse(id).unwrap(),
        item: item.map(|item| ItemId::parse(item).unwrap()),
        after: Offset(0),
        limit: 2,
    };
    let found = whole_history(log, view, caller, asked);
    let expected = model.history(log, caller, id, item);
    let found = match found {
        Err(ErrorType::ThreadNotFound) => return assert_eq!(expected, None, "{id} {caller:?}"),
        // there is no such item, or none that this life ever had
        Err(ErrorType::ItemNotFound) => return assert_eq!(expected, Some(Vec::new())),
        found => found.unwrap(),
    };
    let offsets: Vec<Offset> = found.iter().map(|entry| entry.envelope.offset).collect();
    assert_eq!(Some(offsets), expected, "{id} {item:?} for {caller:?}");
    for entry in found {
        for change in &entry.changes {
            let expected = model.change(caller, &entry, change.column);
            let found = (change.from.clone(), Some(change.to.clone()));
            assert_eq!(found, expected, "{entry:?}");
        }
    }
}

fn whole_history(
    log: &MemoryLog,
    view: &dyn RowsView,
    caller: &Caller,
    mut asked: Asked,
) -> Answer<Vec<Entry>> {
    let mut found = Vec::new();
    loop {
        let mut past = Past::new(view, log, caller, log.newest(ONE));
        let page = answer(past.history(&asked))?;
        assert!(page.events.len() <= asked.limit);
        found.extend(page.events);
        match page.more_after {
            Some(more) => asked.after = more,
            None => return Ok(found),
        }
    }
}

fn on_engines(deeds: &[Deed], questions: &[Question], rows: &dyn Rows) {
    let model = Model::of(deeds);
    let log = MemoryLog::new();
    let mut history = History::into_log(&log);
    let mut doer = Doer::default();
    for deed in deeds.iter().chain([&Deed::Commit]) {
        doer.act(&mut history, deed);
        if matches!(deed, Deed::Commit)
            && let Some(batch) = history.commit()
        {
            project(rows, batch);
        }
    }
    check(rows, &log, &model, questions);
}

fn deeds_and_questions() -> impl Strategy<Value = (Vec<Deed>, Vec<Question>)> {
    (
        prop::collection::vec(deed(), 1..40),
        prop::collection::vec(question(), 4),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_past_is_what_a_replay_says((deeds, questions) in deeds_and_questions()) {
        on_engines(&deeds, &questions, &MemoryRows::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn the_past_is_the_same_with_rows_on_disk((deeds, questions) in deeds_and_questions()) {
        let folder = tempfile::tempdir().unwrap();
        on_engines(&deeds, &questions, &FjallRows::open(folder.path()).unwrap());
    }
}

/// A row's cell.
fn cell(row: &Row, table: TableNumber, column: &str) -> Value {
    let schema = system::table(table).unwrap();
    row[schema.column(column).unwrap()].clone()
}
