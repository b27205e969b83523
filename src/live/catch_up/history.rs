//! Rows of threads as they were, folded from the events of their lives.

use std::collections::HashMap;

use everlog_domain::envelope::{Envelope, EventKind};
use everlog_domain::event::Recorded;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::tables::system::threads;
use everlog_domain::tables::{Row, RowChange};

use super::Page;
use super::lives::life_of;
use crate::live::page::ReadError;
use crate::live::shown::is_of_item;
use crate::live::timeline::{Life, each_entry, each_event};

/// The rows of the threads that a page meets. Bounded by the events of the page.
pub(super) struct History<'a> {
    view: &'a dyn RowsView,
    log: &'a dyn Log,
    rows: HashMap<Life, Option<Row>>,
}

impl<'a> History<'a> {
    pub(super) fn new(page: &Page<'a>) -> Self {
        Self {
            view: page.view,
            log: page.log,
            rows: HashMap::new(),
        }
    }

    /// A thread's row before and after an event. Events of one life must come in order.
    pub(super) fn step(
        &mut self,
        recorded: &Recorded,
    ) -> Result<(Option<Row>, Option<Row>), ReadError> {
        let envelope = &recorded.envelope;
        let life = life_of(envelope);
        let before = match self.rows.remove(&life) {
            Some(row) => row,
            None if envelope.kind.creates_stream() => None,
            None => self.fold(&life, envelope)?,
        };
        let mut after = before.clone();
        apply(&mut after, recorded);
        self.rows.insert(life, after.clone());
        Ok((before, after))
    }

    /// The row just before an event. Of items only the newest leaves a trace in it: when it came.
    fn fold(&self, life: &Life, envelope: &Envelope) -> Result<Option<Row>, ReadError> {
        let until = Offset(envelope.offset.0.saturating_sub(1));
        let mut row = None;
        let own = |kind: EventKind| !is_of_item(kind);
        each_event(self.view, self.log, life, until, own, |recorded| {
            apply(&mut row, recorded)
        })?;
        let touches = |kind: EventKind| is_of_item(kind) && kind != EventKind::ItemDelta;
        if let Some(newest) = newest_offset(self.view, life, until, touches)? {
            let items = self.log.read_at(life.project, &[newest])?;
            items.iter().for_each(|recorded| apply(&mut row, recorded));
        }
        Ok(row)
    }
}

/// Offset of the newest event of a life, up to an offset, whose kind is wanted.
fn newest_offset(
    view: &dyn RowsView,
    life: &Life,
    until: Offset,
    wanted: impl Fn(EventKind) -> bool,
) -> Result<Option<Offset>, ReadError> {
    let mut newest = None;
    each_entry(view, life, until, |entries| {
        let last = entries.iter().rev().find(|entry| wanted(entry.kind));
        newest = last.map(|entry| entry.offset).or(newest);
        Ok(())
    })?;
    Ok(newest)
}

/// What an event does to the row of its thread, by the rule that the projection follows too.
fn apply(row: &mut Option<Row>, recorded: &Recorded) {
    for change in recorded.row_changes() {
        match change {
            RowChange::Insert { table, row: new } if table == threads::TABLE => *row = Some(new),
            RowChange::Delete { table, .. } if table == threads::TABLE => *row = None,
            RowChange::Update { table, set, .. } if table == threads::TABLE => {
                let Some(row) = row.as_mut() else { continue };
                for (place, value) in set {
                    if let Some(cell) = row.get_mut(place) {
                        *cell = value;
                    }
                }
            }
            RowChange::Insert { .. }
            | RowChange::Delete { .. }
            | RowChange::Update { .. }
            | RowChange::Purge { .. } => {}
        }
    }
}
