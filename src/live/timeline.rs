//! When a caller might read a thread: what is past is shown only where today's roles pass the
//! permissions of that moment too.

use everlog_domain::access::{Action, Caller, Privilege};
use everlog_domain::envelope::EventKind;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, RowsView, StreamEntry, StreamRange};
use everlog_domain::tables::system::thread_access;
use everlog_domain::threads::{ThreadAccess, ThreadEvent};
use everlog_domain::value::Value;

use super::life::Life;
use super::page::ReadError;

/// Rows or entries that are read at once.
const SLICE: usize = 256;

/// When a caller might read a life of a thread, from an offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timeline {
    /// Whether it might right after the offset.
    first: bool,
    /// The events that changed this, with what held after them.
    changes: Vec<(Offset, bool)>,
}

impl Timeline {
    /// A key sees everything at all times.
    pub(super) const fn always() -> Self {
        Self {
            first: true,
            changes: Vec::new(),
        }
    }

    /// Whether the caller might read after the event at an offset.
    pub(super) fn at(&self, offset: Offset) -> bool {
        let later = self
            .changes
            .partition_point(|(change, _)| *change <= offset);
        later
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .map_or(self.first, |(_, may)| *may)
    }

    /// Whether the caller might read before the event at an offset.
    pub(super) fn before(&self, offset: Offset) -> bool {
        self.at(Offset(offset.0.saturating_sub(1)))
    }

    fn enter(&mut self, offset: Offset, after: Offset, may: bool) {
        if offset <= after {
            self.first = may;
        } else if self.changes.last().map_or(self.first, |(_, last)| *last) != may {
            self.changes.push((offset, may));
        }
    }

    /// Of a life that goes on: from the rows. `known` is what held after an offset, if that is
    /// known; what came before it is not read again.
    pub(super) fn of_living(
        view: &dyn RowsView,
        caller: &Caller,
        life: &Life,
        after: Offset,
        known: Option<bool>,
    ) -> Result<Self, ReadError> {
        if caller.privilege == Privilege::Key {
            return Ok(Self::always());
        }
        let mut timeline = Self {
            first: known.unwrap_or(false),
            changes: Vec::new(),
        };
        let prefix = [
            Value::Text(life.stream.id.clone()),
            Value::counter(life.incarnation.0),
        ];
        let key = |offset: Value| vec![prefix[0].clone(), prefix[1].clone(), offset];
        let mut last = known.map(|_| key(Value::counter(after.0)));
        loop {
            let rows = view.scan(
                life.project,
                thread_access::TABLE,
                &prefix,
                last.as_deref(),
                SLICE,
            )?;
            for row in &rows {
                let cell = |place: usize| row.get(place).unwrap_or(&Value::Null);
                let offset = cell(thread_access::OFFSET)
                    .as_int()
                    .and_then(|int| u64::try_from(int).ok());
                let may = caller.may_read(cell(thread_access::READERS));
                timeline.enter(Offset(offset.unwrap_or(0)), after, may);
            }
            match rows.last().and_then(|row| row.get(thread_access::OFFSET)) {
                Some(offset) if rows.len() == SLICE => last = Some(key(offset.clone())),
                _ => return Ok(timeline),
            }
        }
    }

    /// Of a life that has ended: its rows are gone, its events are not. Looks up to an offset.
    pub(super) fn of_ended(
        view: &dyn RowsView,
        log: &dyn Log,
        caller: &Caller,
        life: &Life,
        (after, until): (Offset, Offset),
    ) -> Result<Self, ReadError> {
        if caller.privilege == Privilege::Key {
            return Ok(Self::always());
        }
        let mut timeline = Self {
            first: false,
            changes: Vec::new(),
        };
        let wanted = |kind: EventKind| kind.creates_stream() || kind.changes_access();
        each_event(view, log, life, until, wanted, |recorded| {
            let may =
                access_after(recorded).is_some_and(|access| access.allows(caller, Action::Read));
            timeline.enter(recorded.envelope.offset, after, may);
        })?;
        Ok(timeline)
    }
}

/// What holds after an event that changes a thread's access; nothing after its deletion.
fn access_after(recorded: &Recorded) -> Option<&ThreadAccess> {
    let Event::Thread(event) = &recorded.event else {
        return None;
    };
    match event {
        ThreadEvent::ThreadCreated(event) => Some(&event.access),
        ThreadEvent::ThreadForked(event) => Some(&event.access),
        ThreadEvent::ThreadPermissionsChanged(event) => Some(&event.access),
        ThreadEvent::ParticipantAdded(event) => Some(&event.access),
        ThreadEvent::ParticipantRemoved(event) => Some(&event.access),
        ThreadEvent::ThreadUpdated(_)
        | ThreadEvent::ThreadDeleted(_)
        | ThreadEvent::ItemPosted(_)
        | ThreadEvent::ItemOpened(_)
        | ThreadEvent::ItemDelta(_)
        | ThreadEvent::ItemFinished(_)
        | ThreadEvent::ItemAbandoned(_)
        | ThreadEvent::ItemEdited(_)
        | ThreadEvent::ItemDeleted(_)
        | ThreadEvent::BranchSwitched(_)
        | ThreadEvent::ThreadRead(_)
        | ThreadEvent::ItemsExpired(_)
        | ThreadEvent::ItemReactionAdded(_)
        | ThreadEvent::ItemReactionRemoved(_)
        | ThreadEvent::ItemPinned(_)
        | ThreadEvent::ItemUnpinned(_)
        | ThreadEvent::ItemCopied(_) => None,
    }
}

/// Reads the events of a life up to an offset whose kinds are wanted, in order, slice by slice.
/// The stream index tells the kinds, so that nothing else is read.
pub(super) fn each_event(
    view: &dyn RowsView,
    log: &dyn Log,
    life: &Life,
    until: Offset,
    wanted: impl Fn(EventKind) -> bool,
    mut take: impl FnMut(&Recorded),
) -> Result<(), ReadError> {
    each_entry(view, life, until, |entries| {
        let within = entries.iter().filter(|entry| wanted(entry.kind));
        let offsets: Vec<Offset> = within.map(|entry| entry.offset).collect();
        log.read_at(life.project, &offsets)?
            .iter()
            .for_each(&mut take);
        Ok(())
    })
}

/// Reads the stream index of a life up to an offset, in order, slice by slice.
pub(super) fn each_entry(
    view: &dyn RowsView,
    life: &Life,
    until: Offset,
    mut take: impl FnMut(&[StreamEntry]) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut after = Offset(0);
    loop {
        let range = StreamRange {
            stream: life.stream.clone(),
            incarnation: life.incarnation,
            after,
            limit: SLICE,
        };
        let entries = view.stream(life.project, &range)?;
        let within = entries.partition_point(|entry| entry.offset <= until);
        take(entries.get(..within).unwrap_or_default())?;
        match entries.last() {
            Some(last) if entries.len() == SLICE && within == SLICE => after = last.offset,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_tells_before_from_after() {
        let mut timeline = Timeline {
            first: false,
            changes: Vec::new(),
        };
        let after = Offset(10);
        for (offset, may) in [(3, true), (9, false), (12, true), (13, true), (20, false)] {
            timeline.enter(Offset(offset), after, may);
        }
        assert_eq!(timeline.changes, [(Offset(12), true), (Offset(20), false)]);
        for (offset, before, at) in [
            (11, false, false),
            (12, false, true),
            (13, true, true),
            (20, true, false),
            (21, false, false),
        ] {
            assert_eq!(timeline.before(Offset(offset)), before, "before {offset}");
            assert_eq!(timeline.at(Offset(offset)), at, "at {offset}");
        }
    }
}
