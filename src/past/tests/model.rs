//! What the past must be: the rows after each event, kept, and both moments' permissions.

use std::cmp::Ordering;

use everlog_domain::access::{Caller, Privilege};
use everlog_domain::envelope::EventKind;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, Page, Rows, RowsView};
use everlog_domain::query::{Cursor, Direction, Query};
use everlog_domain::tables::system::{self, deltas, items, threads};
use everlog_domain::tables::{Row, TableNumber};
use everlog_domain::threads::ThreadEvent;
use everlog_domain::threads::stored::{write_on, written_of};
use everlog_domain::value::Value;
use everlog_kit::{MemoryLog, MemoryRows};
use everlog_storage::conformance::history::{History, project};

use super::super::{Entry, HISTORY_SCOPE};
use super::deeds::{Deed, Doer};
use super::{Answer, ONE, cell};
use crate::error::ErrorType;

/// The rows after each event, from the one before the first on.
pub(super) struct Model {
    moments: Vec<Box<dyn RowsView>>,
}

impl Model {
    /// Plays the deeds again, each event a batch of its own.
    pub(super) fn of(deeds: &[Deed]) -> Self {
        let rows = MemoryRows::new();
        let mut moments = vec![rows.view()];
        let mut history = History::new();
        let mut doer = Doer::default();
        for deed in deeds {
            doer.act(&mut history, deed);
            if let Some(batch) = history.commit() {
                assert_eq!(batch.events.len(), 1);
                project(&rows, batch);
                moments.push(rows.view());
            }
        }
        Self { moments }
    }

    fn at(&self, offset: Offset) -> &dyn RowsView {
        self.moments[usize::try_from(offset.0).unwrap()].as_ref()
    }

    fn today(&self) -> &dyn RowsView {
        self.moments.last().unwrap().as_ref()
    }

    /// Today's roles against today's permissions and those of the moment.
    fn allows(&self, caller: &Caller, then: &Row) -> bool {
        let key = [then[threads::ID].clone()];
        let today = self.today().get(ONE, threads::TABLE, &key).unwrap();
        let today = today.filter(|row| row[threads::SEQUENCE] == then[threads::SEQUENCE]);
        let may = |row: &Row| caller.may_read(&row[threads::READERS]);
        match today {
            Some(today) => may(&today) && may(then),
            None => caller.scopes.contains(HISTORY_SCOPE) && may(then),
        }
    }

    pub(super) fn thread(&self, caller: &Caller, id: &str, at: Offset) -> Answer<Row> {
        let row = self.at(at).get(ONE, threads::TABLE, &[id.into()]).unwrap();
        row.filter(|row| self.allows(caller, row))
            .ok_or(ErrorType::ThreadNotFound)
    }

    pub(super) fn threads(&self, caller: &Caller, at: Offset, query: &Query) -> Answer<Page> {
        let rows = self
            .at(at)
            .scan(ONE, threads::TABLE, &[], None, 999)
            .unwrap();
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| self.allows(caller, row))
            .collect();
        page(threads::TABLE, &rows, query)
    }

    /// Every item of the life that there was, with what had been written of it.
    pub(super) fn items(&self, id: &str, at: Offset) -> Vec<Row> {
        let view = self.at(at);
        let thread = view
            .get(ONE, threads::TABLE, &[id.into()])
            .unwrap()
            .unwrap();
        let prefix = [
            thread[threads::ID].clone(),
            thread[threads::SEQUENCE].clone(),
        ];
        let mut rows = view.scan(ONE, items::TABLE, &prefix, None, 999).unwrap();
        for row in &mut rows {
            if row[items::STATUS] != Value::text("open") {
                continue;
            }
            let mut written = written_of(row).unwrap();
            let [thread, incarnation] = prefix.clone();
            let of_item = [thread, incarnation, row[items::POSITION].clone()];
            let appended = view.scan(ONE, deltas::TABLE, &of_item, None, 999).unwrap();
            for appended in appended {
                write_on(&mut written, &appended).unwrap();
            }
            row[items::PARTS] = Value::Json(serde_json::to_value(&written.parts).unwrap());
        }
        rows
    }

    /// The events that somebody may see; nothing if the thread is not there for it.
    pub(super) fn history(
        &self,
        log: &MemoryLog,
        caller: &Caller,
        id: &str,
        item: Option<&str>,
    ) -> Option<Vec<Offset>> {
        let events = log.read(ONE, Offset(1), 999).unwrap();
        let of_thread =
            |event: &&Recorded| event.envelope.stream.to_string() == format!("thread/{id}");
        let newest = events.iter().rev().find(of_thread)?.envelope.incarnation;
        let today = self.today().get(ONE, threads::TABLE, &[id.into()]).unwrap();
        let allowed = match today {
            Some(row) => caller.may_read(&row[threads::READERS]),
            None => caller.scopes.contains(HISTORY_SCOPE),
        };
        let shown = |event: &Recorded| {
            let envelope = &event.envelope;
            envelope.stream.to_string() == format!("thread/{id}")
                && envelope.incarnation == newest
                && envelope.kind != EventKind::ItemDelta
                && item.is_none_or(|item| item_of(event) == Some(item))
                && (caller.privilege == Privilege::Key
                    || self.thread(caller, id, envelope.offset).is_ok())
        };
        allowed.then(|| {
            events
                .iter()
                .filter(|event| shown(event))
                .map(|event| event.envelope.offset)
                .collect()
        })
    }

    /// What an event made of a cell, from the rows before and after it.
    pub(super) fn change(
        &self,
        caller: &Caller,
        entry: &Entry,
        column: &str,
    ) -> (Option<Value>, Option<Value>) {
        let envelope = &entry.envelope;
        let row = |at: Offset| match &entry.item {
            None => {
                let key = [Value::Text(envelope.stream.id.clone())];
                let row = self.at(at).get(ONE, threads::TABLE, &key).unwrap();
                row.map(|row| cell(&row, threads::TABLE, column))
            }
            Some(item) => {
                let life = [
                    Value::Text(envelope.stream.id.clone()),
                    Value::counter(envelope.incarnation.0),
                    Value::text(item),
                ];
                let row = self
                    .at(at)
                    .find(ONE, items::TABLE, items::BY_ID, &life)
                    .unwrap();
                row.map(|row| cell(&row, items::TABLE, column))
            }
        };
        let before = Offset(envelope.offset.0 - 1);
        let knows = self.thread(caller, &envelope.stream.id, before).is_ok();
        (row(before).filter(|_| knows), row(envelope.offset))
    }
}

/// The item that an event is about.
fn item_of(recorded: &Recorded) -> Option<&str> {
    let Event::Thread(event) = &recorded.event else {
        return None;
    };
    let item = match event {
        ThreadEvent::ItemPosted(event) => &event.item,
        ThreadEvent::ItemOpened(event) => &event.item,
        ThreadEvent::ItemFinished(event) => &event.item,
        ThreadEvent::ItemAbandoned(event) => &event.item,
        _ => return None,
    };
    Some(item.as_str())
}

/// The primary key of an item of a list; one that is no row's if there is none.
pub(super) fn key_of_item(rows: &[Row], id: &str) -> Vec<Value> {
    let row = rows.iter().rfind(|row| row[items::ID] == Value::text(id));
    let schema = system::table(items::TABLE).unwrap();
    row.map_or_else(Vec::new, |row| schema.key_of(row))
}

/// A page out of all that somebody may see, without any art.
pub(super) fn page(table: TableNumber, rows: &[Row], query: &Query) -> Answer<Page> {
    let schema = system::table(table).unwrap();
    let compare = |a: &Row, b: &Row| {
        for order in &query.order {
            let found = match order.direction {
                Direction::Ascending => a[order.column].total_cmp(&b[order.column]),
                Direction::Descending => b[order.column].total_cmp(&a[order.column]),
            };
            if found.is_ne() {
                return found;
            }
        }
        let ties = schema
            .key
            .iter()
            .map(|column| a[*column].total_cmp(&b[*column]));
        let ties = ties.fold(Ordering::Equal, Ordering::then);
        match query.order.last().map(|order| order.direction) {
            Some(Direction::Descending) => ties.reverse(),
            _ => ties,
        }
    };
    let mut matching: Vec<&Row> = rows.iter().filter(|row| query.matches(row)).collect();
    matching.sort_by(|a, b| compare(a, b));
    let total = matching.len() as u64;
    let named = |key: &Vec<Value>| {
        let found = rows.iter().find(|row| schema.key_of(row) == *key);
        found.ok_or(ErrorType::CursorNotFound)
    };
    let (skip, limit) = (query.offset as usize, query.limit as usize);
    let rows: Vec<Row> = match &query.cursor {
        Some(Cursor::Before(key)) => {
            let cursor = named(key)?;
            let before = matching
                .into_iter()
                .filter(|row| compare(row, cursor).is_lt());
            let before: Vec<&Row> = before.collect();
            let mut page: Vec<Row> = before
                .into_iter()
                .rev()
                .skip(skip)
                .take(limit)
                .cloned()
                .collect();
            page.reverse();
            page
        }
        Some(Cursor::After(key)) => {
            let cursor = named(key)?;
            let after = matching
                .into_iter()
                .filter(|row| compare(row, cursor).is_gt());
            after.skip(skip).take(limit).cloned().collect()
        }
        None => matching
            .into_iter()
            .skip(skip)
            .take(limit)
            .cloned()
            .collect(),
    };
    Ok(Page { total, rows })
}
