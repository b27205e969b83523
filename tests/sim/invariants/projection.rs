//! The rows against the log: brought up step by step they are the same as made anew, and what an
//! actor would load from them is the fold of the events.

use std::collections::BTreeMap;

use everlog_domain::envelope::{Stream, StreamKind};
use everlog_domain::event::Event;
use everlog_domain::ids::{Offset, ProjectNumber, ThreadId};
use everlog_domain::ports::{Rows as _, RowsView, expired_in};
use everlog_domain::tables::system::{deltas, items, open_items, threads};
use everlog_domain::threads::stored::{append_of, open_item_of, thread_of};
use everlog_domain::threads::{Thread, ThreadState};
use everlog_domain::value::Value;
use everlog_kit::{MemoryLog, MemoryRows, catch_up};

use super::History;
use crate::sim::ledger::{Ledger, invariant};
use crate::sim::machine::Remains;

pub(super) fn check(remains: &Remains, histories: &[History], ledger: &mut Ledger) {
    let log = MemoryLog::open(remains.disk.clone());
    let stepwise = remains.rows.snapshot();
    let anew = MemoryRows::new();
    for rows in [&stepwise, &anew] {
        if let Err(failure) = catch_up(&log, rows) {
            ledger.broke(invariant::ROWS_EQUAL_REPLAY, failure.to_string());
            return;
        }
    }
    let (stepwise, anew) = (stepwise.view(), anew.view());
    for history in histories {
        let project = history.project;
        let (found, expected) = (dump(&*stepwise, project), dump(&*anew, project));
        if found != expected {
            let detail = format!("project {project}: expected {expected:#?}, found {found:#?}");
            ledger.broke(invariant::ROWS_EQUAL_REPLAY, detail);
        }
        let heads = [&stepwise, &anew].map(|view| view.project_head(project));
        if heads[0] != heads[1] {
            let detail = format!("project {project}: the heads are {heads:?}");
            ledger.broke(invariant::ROWS_EQUAL_REPLAY, detail);
        }
        for (id, folded) in fold(history) {
            let loaded = load(&*stepwise, project, &id);
            if loaded.as_ref() != Some(&folded) {
                let detail = format!("project {project}, {id}: {folded:?}, loaded {loaded:?}");
                ledger.broke(invariant::STATE_EQUALS_FOLD, detail);
            }
        }
    }
}

fn dump(view: &dyn RowsView, project: ProjectNumber) -> Vec<String> {
    let mut lines = Vec::new();
    let done = view.dump(project, &mut |line| lines.push(line.to_owned()));
    lines.extend(done.err().map(|failure| failure.to_string()));
    lines
}

fn fold(history: &History) -> BTreeMap<ThreadId, ThreadState> {
    let mut states = BTreeMap::new();
    for recorded in &history.events {
        let stream = &recorded.envelope.stream;
        if let (StreamKind::Thread, Event::Thread(event)) = (stream.kind, &recorded.event) {
            let id = ThreadId::parse(&stream.id).expect("the log holds ids");
            let state = states.entry(id).or_insert(ThreadState::Absent(None));
            state.apply(recorded.envelope.offset, event);
        }
    }
    states
}

/// A thread's state as it stands in the rows; nothing if they do not read.
fn load(view: &dyn RowsView, project: ProjectNumber, id: &ThreadId) -> Option<ThreadState> {
    let head = view.stream_head(project, &Stream::thread(id)).ok()?;
    let row = view
        .get(project, threads::TABLE, &[Value::text(id.as_str())])
        .ok()?;
    let (Some(row), Some(head)) = (row, head) else {
        return Some(ThreadState::Absent(head));
    };
    let mut thread = thread_of(&row, head)?;
    thread.expired = expired_in(view, project, id.as_str(), head.incarnation).ok()?;
    add_open_items(view, project, id, head.incarnation, &mut thread)?;
    Some(ThreadState::Live(thread))
}

fn add_open_items(
    view: &dyn RowsView,
    project: ProjectNumber,
    id: &ThreadId,
    incarnation: Offset,
    thread: &mut Thread,
) -> Option<()> {
    let life = [Value::text(id.as_str()), Value::counter(incarnation.0)];
    let open = view
        .scan(project, open_items::TABLE, &life, None, usize::MAX)
        .ok()?;
    for row in open {
        let mut key = life.to_vec();
        key.push(row.get(open_items::POSITION)?.clone());
        let item = view.get(project, items::TABLE, &key).ok()??;
        let appended = view
            .scan(project, deltas::TABLE, &key, None, usize::MAX)
            .ok()?;
        let (id, mut progress) = open_item_of(&item)?;
        for row in &appended {
            append_of(&mut progress, row)?;
        }
        thread.open.insert(id, progress);
    }
    Some(())
}
