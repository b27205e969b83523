//! The row of a thread at a moment.

use std::collections::BTreeSet;

use everlog_domain::envelope::EventKind;
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, Position};
use everlog_domain::tables::system::threads;
use everlog_domain::tables::{Row, RowBefore, RowChange, places_of, row_of_change};

use super::alike::writes_alike;
use super::events::{Life, Past, Step};
use crate::error::ApiError;

/// Cells of a thread's row.
const COLUMNS: usize = threads::READERS + 1;

/// Of the entries that are looked at one after the other, those whose events must be read: of kinds
/// that write alike only the first.
#[derive(Default)]
struct Wanted {
    seen: Vec<EventKind>,
}

impl Wanted {
    fn takes(&mut self, kind: EventKind) -> bool {
        // deltas change no row of a thread
        if kind == EventKind::ItemDelta {
            return false;
        }
        if !writes_alike(kind) {
            return true;
        }
        let first = !self.seen.contains(&kind);
        if first {
            self.seen.push(kind);
        }
        first
    }
}

/// What is known of a life after a moment: its newest position then, and the events since that must
/// be looked at.
pub(super) struct SinceThen {
    last: Position,
    wanted: Wanted,
    entries: Vec<(EventKind, Offset)>,
}

impl SinceThen {
    /// Before anything is known; `last` is the newest position then.
    pub(super) fn begin(last: Position) -> Self {
        Self {
            last,
            wanted: Wanted::default(),
            entries: Vec::new(),
        }
    }

    /// Takes in an event after the moment.
    pub(super) fn take(&mut self, kind: EventKind, offset: Offset) {
        if self.wanted.takes(kind) {
            self.entries.push((kind, offset));
        }
    }
}

impl Past<'_> {
    /// The row of a life at this moment; none if it had not begun or was over. `today` is its row of
    /// today, if it goes on.
    pub(super) fn thread_row(
        &self,
        life: &Life,
        newest: Position,
        today: Option<Row>,
    ) -> Result<Option<Row>, ApiError> {
        if life.incarnation > self.at {
            return Ok(None);
        }
        let last = self.position_at(life, newest, self.at)?;
        let mut since = SinceThen::begin(last);
        if today.is_some() {
            let found = newest.0.saturating_sub(last.0);
            self.bounds.check_since(found)?;
            self.each_entry(life, self.at, |entries| {
                for entry in entries {
                    since.take(entry.kind, entry.offset);
                }
                Ok(Step::On)
            })?;
        }
        self.thread_row_before(life, &since, today)
    }

    /// The same where the events since are known.
    pub(super) fn thread_row_before(
        &self,
        life: &Life,
        since: &SinceThen,
        today: Option<Row>,
    ) -> Result<Option<Row>, ApiError> {
        let mut before = match today {
            Some(row) => RowBefore::changed(row, self.places_written(&since.entries)?),
            None => RowBefore::unknown(COLUMNS),
        };
        if before.is_whole() {
            return Ok(before.into_row());
        }
        let mut wanted = Wanted::default();
        self.each_entry_back(life, since.last, |entries| {
            let entries = entries.iter().filter(|entry| wanted.takes(entry.kind));
            let offsets: Vec<Offset> = entries.map(|entry| entry.offset).collect();
            self.each_event_back(&offsets, |recorded| {
                let mut changes = of_thread(recorded);
                changes.reverse();
                for change in changes {
                    before.take(change);
                }
                match before.is_whole() {
                    true => Step::Enough,
                    false => Step::On,
                }
            })
        })?;
        Ok(before.into_row())
    }

    /// The places of a thread's row that these events wrote.
    fn places_written(&self, events: &[(EventKind, Offset)]) -> Result<BTreeSet<usize>, ApiError> {
        let mut places = BTreeSet::new();
        let mut unknown = Vec::new();
        for (kind, offset) in events {
            match self.alike.places(*kind) {
                Some(known) => places.extend(known),
                None => unknown.push(*offset),
            }
        }
        self.each_event(&unknown, |recorded| {
            let written = of_thread(recorded);
            let written: BTreeSet<usize> = written.iter().flat_map(places_of).collect();
            self.alike.learn(recorded.envelope.kind, &written);
            places.extend(written);
            Ok(())
        })?;
        Ok(places)
    }
}

/// What an event does to the row of its thread.
pub(super) fn of_thread(recorded: &Recorded) -> Vec<RowChange> {
    let id = recorded.envelope.stream.id.as_str();
    let mut changes = recorded.row_changes();
    changes.retain(|change| {
        row_of_change(change).is_some_and(|(table, key)| {
            table == threads::TABLE && key.0.first().is_some_and(|cell| cell.as_text() == Some(id))
        })
    });
    changes
}
