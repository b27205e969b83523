//! What a subscription gets at once: some links of its chain, bounded.

use std::sync::Arc;

use compact_str::CompactString;
use everlog_actors::live::{Form, Published};
use everlog_domain::envelope::Envelope;
use everlog_domain::event::Recorded;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{ReadFailure, RowsFailure};
use everlog_domain::value::Value;
use thiserror::Error;

use super::event_text;
use super::life::Life;
use crate::http::ThreadAnswer;

/// Bytes of text that a page holds before it ends; a single text may be larger. It is what a
/// reader that does not read costs.
pub(super) const PAGE_BYTES: usize = 16 * 1024;
/// Events that are looked at for one page.
pub(super) const PAGE_EVENTS: usize = 512;

/// Why a page could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Rows(#[from] RowsFailure),
    #[error(transparent)]
    Log(#[from] ReadFailure),
}

/// One link: what an event means to a subscription.
#[derive(Debug)]
pub(super) struct Link {
    /// The event's offset, the subscription's cursor after it.
    pub(super) offset: Offset,
    pub(super) change: Change,
    /// The life of a thread that it shows something of: it goes out only to who may still read
    /// that. Nothing if it tells of a loss, which whoever it concerns may know.
    pub(super) shows: Option<Life>,
}

/// What is to be said.
#[derive(Debug)]
pub(super) enum Change {
    /// Something happened.
    Event(Text),
    /// A row is there now: its JSON.
    Enter(String),
    /// A whole thread became readable.
    EnterThread(CompactString),
    /// A row is there no more.
    Leave(CompactString),
    /// A whole thread became unreadable.
    LeaveThread(CompactString),
    /// The one row of the subscription is there no more.
    LeaveEnded(CompactString),
}

/// The JSON of an event.
#[derive(Debug)]
pub(super) enum Text {
    Own(String),
    /// Of the past, read for others too.
    Kept(Arc<str>),
    /// Made once for everybody.
    Shared(Arc<Published>, Form),
}

impl Text {
    /// As JSON.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Own(text) => text,
            Self::Kept(text) => text,
            Self::Shared(event, form) => event.text(*form, |event| match form {
                Form::Whole => event_text::whole(&event.recorded).unwrap_or_default(),
                Form::Row => row_after(event)
                    .map_or_else(String::new, |row| event_text::of_row(&event.recorded, row)),
            }),
        }
    }
}

/// The row of a thread after an event.
fn row_after(event: &Published) -> Option<&[Value]> {
    use everlog_domain::tables::system::threads;
    let delta = event
        .deltas
        .iter()
        .find(|delta| delta.table == threads::TABLE)?;
    delta.after.as_deref().map(Vec::as_slice)
}

impl Change {
    /// A row that is there now.
    pub(super) fn enter(row: &[Value]) -> Self {
        // The answer has string keys only, so there is always a text.
        Self::Enter(serde_json::to_string(&ThreadAnswer::of_row(row)).unwrap_or_default())
    }

    /// An event with all that it brings; nothing if it is not about a thread, or withheld.
    pub(super) fn event(recorded: &Recorded) -> Option<Self> {
        event_text::whole(recorded).map(|text| Self::Event(Text::Own(text)))
    }

    const fn shows_something(&self) -> bool {
        match self {
            Self::Event(_) | Self::Enter(_) | Self::EnterThread(_) => true,
            Self::Leave(_) | Self::LeaveThread(_) | Self::LeaveEnded(_) => false,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Event(text) => text.as_str().len(),
            Self::Enter(text) => text.len(),
            Self::EnterThread(id)
            | Self::Leave(id)
            | Self::LeaveThread(id)
            | Self::LeaveEnded(id) => id.len(),
        }
    }
}

/// Links in order.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: Vec<Link>,
    bytes: usize,
}

impl Links {
    /// Adds what an event means to the subscription, if it means anything.
    pub(super) fn push(&mut self, envelope: &Envelope, change: Option<Change>) {
        let Some(change) = change else { return };
        let shows = change.shows_something().then(|| Life::of(envelope));
        self.add(envelope.offset, change, shows);
    }

    /// Adds an event of a life by its text.
    pub(super) fn push_text(&mut self, offset: Offset, text: Arc<str>, life: &Life) {
        let change = Change::Event(Text::Kept(text));
        self.add(offset, change, Some(life.clone()));
    }

    /// Adds that the thread of the subscription is there no more.
    pub(super) fn push_loss(&mut self, offset: Offset, change: Change) {
        self.add(offset, change, None);
    }

    fn add(&mut self, offset: Offset, change: Change, shows: Option<Life>) {
        self.bytes += change.bytes();
        self.links.push(Link {
            offset,
            change,
            shows,
        });
    }

    /// Bytes of text so far.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of text that the page may still hold.
    pub(super) const fn left(&self) -> usize {
        PAGE_BYTES.saturating_sub(self.bytes)
    }

    /// Whether the page has enough.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes >= PAGE_BYTES
    }

    /// The links.
    pub(super) fn into_vec(self) -> Vec<Link> {
        self.links
    }
}

/// How far a page brings a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Everything up to an offset has been looked at; there is more.
    Until(Offset),
    /// Everything that is visible, up to this offset.
    Head(Offset),
}

/// How many events to read next, so that a page of large ones does not fill the memory, and what is
/// read beyond the end of a page is little: as many as fit by what the last ones took.
pub(crate) struct Pace {
    next: usize,
}

impl Pace {
    /// Begins with a few.
    pub(crate) const fn new() -> Self {
        Self { next: 8 }
    }

    /// Events to read next.
    pub(crate) const fn next(&self) -> usize {
        self.next
    }

    /// Takes in how many bytes of the page the last ones took, and how many it has left.
    pub(crate) fn took(&mut self, bytes: usize, left: usize) {
        const MOST: usize = 32;
        let each = bytes / self.next;
        let fitting = left.checked_div(each).unwrap_or(self.next * 2);
        self.next = fitting.clamp(1, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_read_as_fit() {
        // bytes that eight took, bytes that are left, events to read next
        let table = [
            (0, 16_000, 16),
            (8 * 100, 16_000, 32),
            (8 * 1_000, 8_000, 8),
            (8 * 1_000, 3_500, 3),
            (8 * 1_000, 1, 1),
            (8 << 20, 0, 1),
        ];
        for (bytes, left, expected) in table {
            let mut pace = Pace::new();
            pace.took(bytes, left);
            assert_eq!(pace.next(), expected, "{bytes} bytes, {left} left");
        }
        let mut pace = Pace::new();
        (0..9).for_each(|_| pace.took(0, 16_000));
        assert_eq!(pace.next(), 32);
    }
}
