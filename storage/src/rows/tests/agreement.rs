//! The engine answers like the one in memory, whatever happens and whatever is asked.

use everlog_domain::envelope::{Stream, StreamKind};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Rows, RowsView, StreamRange, Visibility};
use everlog_domain::query::Query;
use everlog_domain::tables::system;
use everlog_kit::MemoryRows;
use proptest::prelude::*;

use super::random::{Question, Step, play, question, step};
use crate::conformance::history::{History, project};
use crate::conformance::rows::dump;
use crate::rows::{Bounds, FjallRows};

/// Bounds that lead small histories through every way of answering.
fn bounds() -> impl Strategy<Value = Bounds> {
    (0_usize..4, 0_u64..6).prop_map(|(few_postings, patience)| Bounds {
        few_postings,
        patience,
        ..Bounds::default()
    })
}

fn agree(steps: &[Step], questions: &[Question], bounds: Bounds) {
    let mut history = History::new();
    play(&mut history, steps);
    let folder = tempfile::tempdir().unwrap();
    let stored = FjallRows::open(folder.path()).unwrap().bounded(bounds);
    let memory = MemoryRows::new();
    for batch in &history.batches {
        assert_eq!(project(&stored, batch), project(&memory, batch));
    }
    let (stored, memory) = (stored.view(), memory.view());
    assert_eq!(stored.commit(), memory.commit());
    for project in [1, 2, 3].map(ProjectNumber) {
        assert_eq!(dump(&*stored, project), dump(&*memory, project));
        assert_eq!(stored.project_head(project), memory.project_head(project));
        same_streams(&*stored, &*memory, project);
        same_wishes(&*stored, &*memory, project, &history);
        same_rows(&*stored, &*memory, project);
    }
    for question in questions {
        same_list(&*stored, &*memory, question);
    }
}

fn same_list(stored: &dyn RowsView, memory: &dyn RowsView, question: &Question) {
    let project = ProjectNumber(question.project);
    let schema = system::table(question.table).unwrap();
    let rows = memory.scan(project, question.table, &[], None, 99).unwrap();
    let query = question.on(schema, &rows);
    let visibility = match &question.roles {
        Some(roles) => Visibility::Roles(roles),
        None => Visibility::All,
    };
    let found = stored.list(project, question.table, &query, visibility);
    let expected = memory.list(project, question.table, &query, visibility);
    assert_eq!(
        found, expected,
        "{} {query:?} for {visibility:?}",
        schema.name
    );
}

fn same_streams(stored: &dyn RowsView, memory: &dyn RowsView, project: ProjectNumber) {
    let ids = (0..6).map(|thread| (StreamKind::Thread, format!("t{thread}")));
    let users = (0..5).map(|user| (StreamKind::User, format!("u{user}")));
    for (kind, id) in ids.chain(users) {
        let stream = Stream::new(kind, &id);
        let head = memory.stream_head(project, &stream).unwrap();
        assert_eq!(stored.stream_head(project, &stream), Ok(head));
        let incarnations = [Offset(1), head.map_or(Offset(2), |head| head.incarnation)];
        for incarnation in incarnations {
            for (after, limit) in [(0, 99), (3, 2), (9, 99), (40, 1), (999, 1)] {
                let range = StreamRange {
                    stream: stream.clone(),
                    incarnation,
                    after: Offset(after),
                    limit,
                };
                assert_eq!(
                    stored.stream(project, &range),
                    memory.stream(project, &range)
                );
            }
        }
    }
}

fn same_wishes(
    stored: &dyn RowsView,
    memory: &dyn RowsView,
    project: ProjectNumber,
    history: &History<'_>,
) {
    for number in 0..60 {
        let scope = History::wish(number).scope;
        let found = stored.granted(project, &scope, history.time);
        assert_eq!(found, memory.granted(project, &scope, history.time));
    }
}

/// Every row by its key and by every index.
fn same_rows(stored: &dyn RowsView, memory: &dyn RowsView, project: ProjectNumber) {
    for schema in system::ALL.iter() {
        let table = schema.number;
        let rows = memory.scan(project, table, &[], None, 999).unwrap();
        assert_eq!(
            stored.scan(project, table, &[], None, 999),
            Ok(rows.clone())
        );
        for row in rows {
            let key = schema.key_of(&row);
            assert_eq!(stored.get(project, table, &key), Ok(Some(row.clone())));
            let rest = memory.scan(project, table, &key[..1], Some(&key), 2);
            assert_eq!(stored.scan(project, table, &key[..1], Some(&key), 2), rest);
            for index in &schema.indexes {
                let columns = index.columns.iter();
                let values: Vec<_> = columns.map(|(column, _)| row[*column].clone()).collect();
                let found = stored.find(project, table, index.number, &values);
                assert_eq!(found, memory.find(project, table, index.number, &values));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn random_histories_and_questions(
        steps in prop::collection::vec(step(), 1..120),
        questions in prop::collection::vec(question(), 60),
        bounds in bounds(),
    ) {
        agree(&steps, &questions, bounds);
    }
}

#[test]
fn nothing_at_all() {
    let all = |table| Question {
        project: 1,
        table,
        query: Query::default(),
        roles: None,
        cursor: Some((0, false)),
        pins: vec![],
    };
    let questions: Vec<_> = system::ALL
        .iter()
        .map(|schema| all(schema.number))
        .collect();
    agree(&[], &questions, Bounds::default());
}
