//! Events and places of the stream index, read in slices and counted.

use everlog_domain::access::Caller;
use everlog_domain::envelope::{EventKind, Stream};
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, Position, ProjectNumber};
use everlog_domain::ports::{Log, RowsView, StreamBack, StreamEntry, StreamRange};

use super::alike::Alike;
use super::bounds::{Bounds, Spent};
use crate::error::ApiError;

/// Events that are read at once: each may have a mebibyte.
const EVENTS_AT_ONCE: usize = 16;
/// Places of the index that are read at once, going forward.
const ENTRIES_AT_ONCE: usize = 1_024;
/// Places of the index that are read first, going back: mostly the first few are enough.
const FIRST_BACK: usize = 8;

/// A moment of a project's past, as a caller may read it.
pub(crate) struct Past<'a> {
    pub(super) view: &'a dyn RowsView,
    pub(super) log: &'a dyn Log,
    pub(super) caller: &'a Caller,
    /// The newest event of the moment.
    pub(super) at: Offset,
    pub(super) bounds: Bounds,
    pub(super) spent: Spent,
    /// What was learnt of the kinds that write alike.
    pub(super) alike: Alike,
}

/// One life of an entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life {
    pub(super) stream: Stream,
    pub(super) incarnation: Offset,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    On,
    Enough,
}

impl<'a> Past<'a> {
    /// The past of a project right after the event at an offset, for somebody.
    pub(crate) fn new(
        view: &'a dyn RowsView,
        log: &'a dyn Log,
        caller: &'a Caller,
        at: Offset,
    ) -> Self {
        Self {
            view,
            log,
            caller,
            at,
            bounds: Bounds::default(),
            spent: Spent::default(),
            alike: Alike::default(),
        }
    }

    /// The same with other bounds.
    #[cfg(test)]
    pub(super) fn bounded(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// The same at another moment, at the same cost.
    pub(super) fn moved(&mut self, at: Offset) {
        self.at = at;
    }

    pub(crate) const fn project(&self) -> ProjectNumber {
        self.caller.project
    }

    /// Events at ascending offsets, in order, a few at once.
    pub(super) fn each_event(
        &self,
        offsets: &[Offset],
        mut take: impl FnMut(&Recorded) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        for slice in offsets.chunks(EVENTS_AT_ONCE) {
            self.spent.events(&self.bounds, slice.len())?;
            for recorded in self.log.read_at(self.project(), slice)? {
                take(&recorded)?;
            }
        }
        Ok(())
    }

    /// Events at descending offsets, the newest first, until it is enough.
    pub(super) fn each_event_back(
        &self,
        offsets: &[Offset],
        mut take: impl FnMut(&Recorded) -> Step,
    ) -> Result<Step, ApiError> {
        for slice in offsets.chunks(EVENTS_AT_ONCE) {
            self.spent.events(&self.bounds, slice.len())?;
            let mut ascending = slice.to_vec();
            ascending.reverse();
            let events = self.log.read_at(self.project(), &ascending)?;
            for recorded in events.iter().rev() {
                if take(recorded) == Step::Enough {
                    return Ok(Step::Enough);
                }
            }
        }
        Ok(Step::On)
    }

    /// The places of a life after an offset, in order.
    pub(super) fn each_entry(
        &self,
        life: &Life,
        after: Offset,
        mut take: impl FnMut(&[StreamEntry]) -> Result<Step, ApiError>,
    ) -> Result<(), ApiError> {
        let mut after = after;
        loop {
            let range = StreamRange {
                stream: life.stream.clone(),
                incarnation: life.incarnation,
                after,
                limit: ENTRIES_AT_ONCE,
            };
            let entries = self.view.stream(self.project(), &range)?;
            self.spent.entries(&self.bounds, entries.len())?;
            let step = take(&entries)?;
            match entries.last() {
                Some(last) if entries.len() == ENTRIES_AT_ONCE && step == Step::On => {
                    after = last.offset;
                }
                _ => return Ok(()),
            }
        }
    }

    /// The places of a life up to a position, the newest first.
    pub(super) fn each_entry_back(
        &self,
        life: &Life,
        last: Position,
        mut take: impl FnMut(&[StreamEntry]) -> Result<Step, ApiError>,
    ) -> Result<(), ApiError> {
        let mut before = last.next();
        let mut limit = FIRST_BACK;
        loop {
            let range = StreamBack {
                stream: life.stream.clone(),
                incarnation: life.incarnation,
                before,
                limit,
            };
            let entries = self.view.stream_back(self.project(), &range)?;
            self.spent.entries(&self.bounds, entries.len())?;
            if take(&entries)? == Step::Enough {
                return Ok(());
            }
            match entries.last() {
                Some(last) if entries.len() == limit => before = last.position,
                _ => return Ok(()),
            }
            limit = (limit * 4).min(ENTRIES_AT_ONCE);
        }
    }
}

/// Whether an event of a kind may change an item that is there already. Of kinds that are not known
/// here it is taken to: they are read, rather than passed over.
pub(super) const fn may_change_items(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::ItemPosted
            | EventKind::ItemOpened
            | EventKind::ItemDelta
            | EventKind::ThreadCreated
            | EventKind::ThreadForked
            | EventKind::ThreadUpdated
            | EventKind::ThreadPermissionsChanged
            | EventKind::ParticipantAdded
            | EventKind::ParticipantRemoved
            | EventKind::ThreadDeleted
            // what has expired is shown at no moment
            | EventKind::ItemsExpired
    )
}
