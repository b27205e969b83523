//! Random histories and questions.

use std::collections::BTreeMap;

use everlog_domain::access::RoleSet;
use everlog_domain::ids::Position;
use everlog_domain::query::{Comparison, Cursor, Direction, Filter, OrderBy, Query, Total};
use everlog_domain::tables::system::{self, items, sessions, threads, users};
use everlog_domain::tables::{ColumnType, Row, TableNumber, TableSchema};
use everlog_domain::time::{DAY_US, Time};
use everlog_domain::value::Value;
use proptest::prelude::*;

use crate::conformance::history::{BEGINNING, History};
use crate::conformance::rows::roles;

/// Something that happens, if it can.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Create(u64, u8, Option<u8>, Vec<u8>),
    Rename(u64, u8, u8),
    SetReaders(u64, u8, Vec<u8>),
    Delete(u64, u8),
    Post(u64, u8),
    PostWished(u64, u8),
    Open(u64, u8),
    Delta(u64, u8),
    Close(u64, u8, bool),
    Edit(u64, u8, u8),
    DeleteItem(u64, u8, u8),
    Fork(u64, u8, u8),
    Register(u64, u8),
    SignIn(u64, u8),
    SignOut(u64, u8),
    Wait(u8),
    Commit,
}

const ROLES: [&str; 5] = ["any", "users", "user:ann", "user:bob", "team:crew"];
const NAMES: [&str; 5] = ["red", "redder", "blue", "r\u{0}d", "é"];

pub(super) fn step() -> impl Strategy<Value = Step> {
    let project = || 1_u64..3;
    let thread = || 0_u8..6;
    let readers = || prop::collection::vec(0_u8..5, 0..3);
    let name = || 0_u8..5;
    prop_oneof![
        6 => (project(), thread(), prop::option::of(name()), readers())
            .prop_map(|(p, t, name, readers)| Step::Create(p, t, name, readers)),
        2 => (project(), thread(), name()).prop_map(|(p, t, name)| Step::Rename(p, t, name)),
        2 => (project(), thread(), readers()).prop_map(|(p, t, readers)| Step::SetReaders(p, t, readers)),
        1 => (project(), thread()).prop_map(|(p, t)| Step::Delete(p, t)),
        6 => (project(), thread()).prop_map(|(p, t)| Step::Post(p, t)),
        1 => (project(), thread()).prop_map(|(p, t)| Step::PostWished(p, t)),
        2 => (project(), thread()).prop_map(|(p, t)| Step::Open(p, t)),
        3 => (project(), thread()).prop_map(|(p, t)| Step::Delta(p, t)),
        2 => (project(), thread(), any::<bool>()).prop_map(|(p, t, whole)| Step::Close(p, t, whole)),
        2 => (project(), thread(), 0_u8..8).prop_map(|(p, t, item)| Step::Edit(p, t, item)),
        1 => (project(), thread(), 0_u8..8).prop_map(|(p, t, item)| Step::DeleteItem(p, t, item)),
        2 => (project(), thread(), thread()).prop_map(|(p, t, fork)| Step::Fork(p, t, fork)),
        1 => (project(), name()).prop_map(|(p, user)| Step::Register(p, user)),
        1 => (project(), name()).prop_map(|(p, user)| Step::SignIn(p, user)),
        1 => (project(), name()).prop_map(|(p, user)| Step::SignOut(p, user)),
        2 => (0_u8..20).prop_map(Step::Wait),
        5 => Just(Step::Commit),
    ]
}

/// What is so, as far as steps need to know.
#[derive(Default)]
struct Known {
    made: usize,
    /// Threads with the item that is being written in each.
    threads: BTreeMap<(u64, u8), Option<(String, Position)>>,
    /// Complete items of each.
    items: BTreeMap<(u64, u8), Vec<(String, Position)>>,
    /// Users with their sessions.
    users: BTreeMap<(u64, u8), Vec<String>>,
}

/// Makes the steps that can be made.
pub(super) fn play(history: &mut History<'_>, steps: &[Step]) {
    let mut known = Known::default();
    for step in steps {
        known.play(history, step);
    }
    history.commit();
}

fn thread_name(thread: u8) -> String {
    format!("t{thread}")
}

fn role_names(readers: &[u8]) -> Vec<&'static str> {
    readers
        .iter()
        .map(|reader| ROLES[usize::from(*reader)])
        .collect()
}

impl Known {
    fn fresh(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{}", self.made)
    }

    fn play(&mut self, history: &mut History<'_>, step: &Step) {
        match step {
            Step::Create(p, t, name, readers) if !self.threads.contains_key(&(*p, *t)) => {
                let name = name.map(|name| NAMES[usize::from(name)]);
                history.create_thread(*p, &thread_name(*t), name, &role_names(readers));
                self.threads.insert((*p, *t), None);
            }
            Step::Fork(p, source, fork)
                if self.threads.contains_key(&(*p, *source))
                    && !self.threads.contains_key(&(*p, *fork)) =>
            {
                history.fork_thread(*p, &thread_name(*source), &thread_name(*fork));
                self.threads.insert((*p, *fork), None);
            }
            Step::Register(p, user) if !self.users.contains_key(&(*p, *user)) => {
                // Now and then two of them clash.
                let address = user % 4;
                history.register(*p, &format!("u{user}"), &format!("u{address}@example.org"));
                self.users.insert((*p, *user), Vec::new());
            }
            Step::SignIn(p, user) => {
                let session = self.fresh("s");
                if let Some(sessions) = self.users.get_mut(&(*p, *user)) {
                    let secret = match self.made % 4 {
                        0 => "the same",
                        _ => &session,
                    };
                    history.sign_in_with(*p, &format!("u{user}"), &session, secret);
                    sessions.push(session);
                }
            }
            Step::SignOut(p, user) => {
                let sessions = self.users.get_mut(&(*p, *user));
                if let Some(session) = sessions.and_then(Vec::pop) {
                    history.sign_out(*p, &format!("u{user}"), &session);
                }
            }
            Step::Wait(hours) => {
                history.time = history.time.plus_seconds(i64::from(*hours) * 3_600);
            }
            Step::Commit => {
                history.commit();
            }
            Step::Rename(p, t, _)
            | Step::SetReaders(p, t, _)
            | Step::Delete(p, t)
            | Step::Post(p, t)
            | Step::PostWished(p, t)
            | Step::Open(p, t)
            | Step::Delta(p, t)
            | Step::Close(p, t, _)
            | Step::Edit(p, t, _)
            | Step::DeleteItem(p, t, _)
                if self.threads.contains_key(&(*p, *t)) =>
            {
                self.in_thread(history, (*p, *t), step);
            }
            _ => {}
        }
    }

    fn in_thread(&mut self, history: &mut History<'_>, place: (u64, u8), step: &Step) {
        let item = self.fresh("i");
        let (p, t) = (place.0, thread_name(place.1));
        let open = self.threads.get_mut(&place).expect("the thread is known");
        match step {
            Step::Rename(_, _, name) => history.rename_thread(p, &t, NAMES[usize::from(*name)]),
            Step::SetReaders(_, _, readers) => history.set_readers(p, &t, &role_names(readers)),
            Step::Delete(..) => {
                history.delete_thread(p, &t);
                self.threads.remove(&place);
                self.items.remove(&place);
            }
            Step::Post(..) => {
                let posted = history.post(p, &t, &item);
                self.items.entry(place).or_default().push((item, posted));
            }
            Step::Edit(_, _, number) | Step::DeleteItem(_, _, number) => {
                let items = self.items.entry(place).or_default();
                let number = usize::from(*number);
                match (items.get(number), step) {
                    (Some((item, posted)), Step::Edit(..)) => {
                        history.edit_item(p, &t, item, *posted);
                    }
                    (Some((item, posted)), _) => {
                        history.delete_item(p, &t, item, *posted);
                        items.remove(number);
                    }
                    (None, _) => {}
                }
            }
            Step::PostWished(..) => {
                let wish = History::wish(u8::try_from(self.made % 256).unwrap_or(0));
                history.post_wished(p, &t, &[&item, &format!("{item}b")], wish);
            }
            Step::Open(..) if open.is_none() => {
                let opened = history.open_item(p, &t, &item);
                *open = Some((item, opened));
            }
            Step::Delta(..) => {
                if let Some((item, opened)) = open {
                    history.append_delta(p, &t, item, *opened);
                }
            }
            Step::Close(_, _, whole) => match open.take() {
                Some((item, opened)) if *whole => history.finish_item(p, &t, &item, opened),
                Some((item, opened)) => history.abandon_item(p, &t, &item, opened),
                None => {}
            },
            _ => {}
        }
    }
}

/// A question about a list.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) project: u64,
    pub(super) table: TableNumber,
    pub(super) query: Query,
    /// All, if nothing.
    pub(super) roles: Option<RoleSet>,
    /// A cursor on the row of this number in the table, before or after it.
    pub(super) cursor: Option<(usize, bool)>,
    /// Columns that are compared with those of the row of this number.
    pub(super) pins: Vec<(usize, usize, Comparison)>,
}

impl Question {
    /// The query with its cursor on one of these rows, and its columns pinned to some of them.
    pub(super) fn on(&self, schema: &TableSchema, rows: &[Row]) -> Query {
        let mut query = self.query.clone();
        for (row, column, comparison) in &self.pins {
            if let Some(row) = rows.get(row % rows.len().max(1)) {
                let cell = &row[*column];
                query.filters.push(Filter::Compare {
                    column: *column,
                    comparison: *comparison,
                    values: match comparison {
                        Comparison::Between => vec![cell.clone(), cell.clone()],
                        _ => vec![cell.clone()],
                    },
                });
            }
        }
        query.cursor = self.cursor.map(|(row, before)| {
            let row = rows.get(row % (rows.len() + 1));
            let missing = || vec![Value::text("nothing")];
            let key = row.map_or_else(missing, |row| schema.key_of(row));
            if before {
                Cursor::Before(key)
            } else {
                Cursor::After(key)
            }
        });
        query
    }
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let tables = [
        threads::TABLE,
        threads::TABLE,
        items::TABLE,
        users::TABLE,
        sessions::TABLE,
    ];
    let role = prop::collection::vec(0_u8..5, 0..4);
    let roles = prop::option::of(role.prop_map(|held| roles(&role_names(&held))));
    prop::sample::select(tables.to_vec()).prop_flat_map(move |table| {
        let cursor = prop::option::of((0_usize..12, any::<bool>()));
        let compared = prop_oneof![2 => Just(Comparison::Equal), 3 => comparison()];
        let pins = prop::collection::vec((0_usize..12, column(table), compared), 0..3);
        (1_u64..3, query(table), roles.clone(), cursor, pins).prop_map(
            move |(project, query, roles, cursor, pins)| Question {
                project,
                table,
                query,
                roles,
                cursor,
                pins,
            },
        )
    })
}

fn query(table: TableNumber) -> impl Strategy<Value = Query> {
    let filters = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(filter(table), 0..3),
    ];
    let order = prop::collection::vec(order(table), 0..3);
    let total = prop_oneof![Just(Total::Counted), Just(Total::Skipped)];
    let select = prop::option::of(prop::collection::vec(column(table), 0..3));
    (filters, order, 0_u32..5, 0_u32..3, total, select).prop_map(
        |(filters, order, limit, offset, total, select)| Query {
            filters,
            order,
            limit,
            offset,
            cursor: None,
            total,
            select,
        },
    )
}

fn column(table: TableNumber) -> impl Strategy<Value = usize> {
    let schema = system::table(table).expect("the table is known");
    0..schema.columns.len()
}

fn order(table: TableNumber) -> impl Strategy<Value = OrderBy> {
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    (column(table), direction).prop_map(|(column, direction)| OrderBy { column, direction })
}

fn filter(table: TableNumber) -> impl Strategy<Value = Filter> {
    let leaf = column(table).prop_flat_map(move |column| {
        let kind = system::table(table).map(|schema| schema.columns[column].kind);
        let values = prop::collection::vec(value(kind.unwrap_or(ColumnType::Text)), 0..3);
        (comparison(), values).prop_map(move |(comparison, values)| Filter::Compare {
            column,
            comparison,
            values,
        })
    });
    leaf.prop_recursive(2, 6, 3, |inner| {
        let some = prop::collection::vec(inner, 0..3);
        prop_oneof![
            some.clone().prop_map(Filter::And),
            some.prop_map(Filter::Or)
        ]
    })
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison as C;
    prop::sample::select(vec![
        C::Equal,
        C::Equal,
        C::Equal,
        C::NotEqual,
        C::Less,
        C::LessOrEqual,
        C::Greater,
        C::GreaterOrEqual,
        C::Between,
        C::StartsWith,
        C::EndsWith,
        C::Contains,
        C::NotContains,
        C::IsNull,
        C::IsNotNull,
    ])
}

fn value(kind: ColumnType) -> BoxedStrategy<Value> {
    let texts = [
        "r", "red", "redder", "blue", "t1", "t2", "i1", "u1", "user:ann", "finished", "r\u{0}",
    ];
    match kind {
        ColumnType::Int | ColumnType::Float => (0_i64..12).prop_map(Value::Int).boxed(),
        ColumnType::Time => (0_i64..4)
            .prop_map(|days| Value::Time(Time(BEGINNING.0 + days * DAY_US / 4)))
            .boxed(),
        ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Text | ColumnType::TextList | ColumnType::Json => {
            prop::sample::select(texts.to_vec())
                .prop_map(Value::text)
                .boxed()
        }
    }
}
