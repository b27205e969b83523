//! The row of a thread at a moment.

use std::collections::BTreeSet;

use everlog_domain::envelope::EventKind;
use everlog_domain::event::Recorded;
use everlog_domain::ids::Offset;
use everlog_domain::ports::StreamEntry;
use everlog_domain::tables::system::threads;
use everlog_domain::tables::{Row, RowBefore, RowChange, places_of, row_of_change};

use super::events::{Life, Past, Step, writes_alike};
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
    fn takes(&mut self, entry: &StreamEntry) -> bool {
        // deltas change no row of a thread
        if entry.kind == EventKind::ItemDelta {
            return false;
        }
        if !writes_alike(entry.kind) {
            return true;
        }
        let first = !self.seen.contains(&entry.kind);
        if first {
            self.seen.push(entry.kind);
        }
        first
    }
}

impl Past<'_> {
    /// The row of a life at this moment; none if it had not begun or was over. `today` is its row of
    /// today, if it goes on.
    pub(super) fn thread_row(
        &self,
        life: &Life,
        today: Option<Row>,
    ) -> Result<Option<Row>, ApiError> {
        if life.incarnation > self.at {
            return Ok(None);
        }
        let mut before = match today {
            Some(row) => RowBefore::changed(row, self.changed_since(life)?),
            None => RowBefore::unknown(COLUMNS),
        };
        if before.is_whole() {
            return Ok(before.into_row());
        }
        let mut wanted = Wanted::default();
        self.each_entry_back(life, |entries| {
            let entries = entries.iter().filter(|entry| wanted.takes(entry));
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

    /// The places of a thread's row that were written after this moment.
    fn changed_since(&self, life: &Life) -> Result<BTreeSet<usize>, ApiError> {
        let mut places = BTreeSet::new();
        let mut wanted = Wanted::default();
        let mut found = 0;
        self.each_entry(life, self.at, |entries| {
            found += u64::try_from(entries.len()).unwrap_or(u64::MAX);
            self.bounds.check_since(found)?;
            let entries = entries.iter().filter(|entry| wanted.takes(entry));
            let offsets: Vec<Offset> = entries.map(|entry| entry.offset).collect();
            self.each_event(&offsets, |recorded| {
                places.extend(of_thread(recorded).iter().flat_map(places_of));
                Ok(())
            })?;
            Ok(Step::On)
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
