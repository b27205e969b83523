//! Rows of threads as they were, folded from the events of their lives.

use std::collections::HashMap;

use everlog_actors::live::row_weight;
use everlog_domain::envelope::{Envelope, EventKind};
use everlog_domain::event::Recorded;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, RowsView, StreamEntry};
use everlog_domain::tables::system::threads;
use everlog_domain::tables::{Row, RowChange};

use super::Page;
use crate::live::life::Life;
use crate::live::page::ReadError;
use crate::live::shown::is_of_item;
use crate::live::timeline::each_entry;

/// Bytes of rows that a subscription keeps from one page of its past to the next.
const KEPT_BYTES: usize = 64 * 1024;

/// The place of what stands in the middle of a page.
const NOWHERE: Offset = Offset(u64::MAX);

/// Rows of threads at the place that a subscription has reached in its past. Without them every
/// page would fold the whole life of each thread that it meets.
#[derive(Debug, Default)]
pub(in crate::live) struct Folded {
    /// The place.
    reached: Offset,
    rows: HashMap<Life, Stepped>,
}

#[derive(Debug)]
struct Stepped {
    row: Option<Row>,
    /// Its newest event.
    offset: Offset,
}

impl Folded {
    /// Whether its rows are those of a place.
    pub(super) fn is_at(&self, place: Offset) -> bool {
        self.reached == place
    }

    /// A page begins. What was folded for another place, or for a page that failed, is of no use.
    pub(super) fn begin(&mut self, after: Offset) {
        if !self.is_at(after) {
            self.rows.clear();
        }
        self.reached = NOWHERE;
    }

    /// A page has ended. The rows whose events are newest stay, as far as they fit.
    pub(super) fn end(&mut self, reached: Offset) {
        self.reached = reached;
        let mut newest: Vec<(Life, Stepped)> = self.rows.drain().collect();
        newest.sort_unstable_by_key(|(_, stepped)| std::cmp::Reverse(stepped.offset));
        let mut bytes = 0;
        let fits = |(_, stepped): &(Life, Stepped)| {
            bytes += size_of::<(Life, Stepped)>();
            bytes += stepped.row.as_deref().map_or(0, row_weight);
            bytes <= KEPT_BYTES
        };
        self.rows = newest.into_iter().take_while(fits).collect();
    }
}

/// The rows of the threads that a page meets. Bounded by the events of the page.
pub(super) struct History<'a> {
    view: &'a dyn RowsView,
    log: &'a dyn Log,
    folded: &'a mut Folded,
}

impl<'a> History<'a> {
    pub(super) fn begin(page: &Page<'a>, folded: &'a mut Folded) -> Self {
        folded.begin(page.ask.after);
        Self {
            view: page.view,
            log: page.log,
            folded,
        }
    }

    /// The page has come to its end.
    pub(super) fn end(self, reached: Offset) {
        self.folded.end(reached);
    }

    /// A thread's row before and after an event. Events of one life must come in order.
    pub(super) fn step(
        &mut self,
        recorded: &Recorded,
    ) -> Result<(Option<Row>, Option<Row>), ReadError> {
        let envelope = &recorded.envelope;
        let life = Life::of(envelope);
        let before = match self.folded.rows.remove(&life) {
            Some(stepped) => stepped.row,
            None if envelope.kind.creates_stream() => None,
            None => self.fold(&life, envelope)?,
        };
        let mut after = before.clone();
        apply(&mut after, recorded);
        let stepped = Stepped {
            row: after.clone(),
            offset: envelope.offset,
        };
        self.folded.rows.insert(life, stepped);
        Ok((before, after))
    }

    /// The row just before an event. Of items only the newest leaves a trace in it, when it came, and
    /// the first one after the last switch to another branch, which ends that.
    fn fold(&self, life: &Life, envelope: &Envelope) -> Result<Option<Row>, ReadError> {
        let until = Offset(envelope.offset.0.saturating_sub(1));
        let mut row = None;
        let mut newest_item = None;
        let mut last_switch = None;
        let mut waits_for_item = false;
        each_entry(self.view, life, until, |entries| {
            let is_switch = |entry: &StreamEntry| entry.kind == EventKind::BranchSwitched;
            let switch = entries.iter().rposition(is_switch);
            waits_for_item |= switch.is_some();
            let after = switch.map_or(0, |place| place + 1);
            let ends = entries.iter().skip(after).position(begins_item);
            let ends = ends.filter(|_| waits_for_item).map(|place| after + place);
            waits_for_item &= ends.is_none();
            last_switch = switch
                .and_then(|place| entries.get(place))
                .map(|entry| entry.offset)
                .or(last_switch);
            let own = entries.iter().enumerate().filter(|(place, entry)| {
                let once = Some(*place) == switch || Some(*place) == ends;
                once || (touches(entry.kind) && !is_of_item(entry.kind) && !is_switch(entry))
            });
            let own: Vec<Offset> = own.map(|(_, entry)| entry.offset).collect();
            let events = self.log.read_at(life.project, &own)?;
            events.iter().for_each(|recorded| apply(&mut row, recorded));
            let is_item = |entry: &&StreamEntry| is_of_item(entry.kind) && touches(entry.kind);
            let newest = entries.iter().rev().find(is_item);
            newest_item = newest.map(|entry| entry.offset).or(newest_item);
            Ok(())
        })?;
        if let Some(newest) = newest_item {
            let active = row
                .as_ref()
                .and_then(|row| row.get(threads::ACTIVE_ITEM).cloned());
            let items = self.log.read_at(life.project, &[newest])?;
            items.iter().for_each(|recorded| apply(&mut row, recorded));
            if last_switch.is_some_and(|switch| switch > newest)
                && let Some((row, active)) = row.as_mut().zip(active)
                && let Some(cell) = row.get_mut(threads::ACTIVE_ITEM)
            {
                // It came before the switch, and ends none after it.
                *cell = active;
            }
        }
        Ok(row)
    }
}

fn begins_item(entry: &StreamEntry) -> bool {
    matches!(entry.kind, EventKind::ItemPosted | EventKind::ItemOpened)
}

/// Whether an event of a kind changes its thread's row.
pub(super) const fn touches(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::ItemDelta
            | EventKind::ItemEdited
            | EventKind::ItemDeleted
            | EventKind::ItemReactionAdded
            | EventKind::ItemReactionRemoved
            | EventKind::ItemPinned
            | EventKind::ItemUnpinned
            | EventKind::ItemCopied
            | EventKind::ThreadRead
    )
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
            | RowChange::Purge { .. }
            | RowChange::Keep { .. } => {}
        }
    }
}
