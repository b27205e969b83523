//! A page of the log: so many events are looked at, and so many bytes found, and no more, so that a
//! filter that nothing passes gives its place among the reads back like any other.

use std::sync::Arc;

use everlog_domain::envelope::{Envelope, EventKind, Stream};
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, ReadFailure, RowsView, StreamRange};

use super::filter::Filter;
use super::line::{Line, without_secrets};
use crate::error::{ApiError, ErrorType};
use crate::live::Pace;

/// Bytes of text that a page holds before it ends; a single event may be larger. It is what a
/// reader that does not read costs.
pub(super) const PAGE_BYTES: usize = 64 * 1024;
/// Events that are looked at for one page.
pub(super) const PAGE_EVENTS: usize = 512;

/// What to read.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) project: ProjectNumber,
    pub(super) filter: Arc<Filter>,
    /// The first offset to look at.
    pub(super) from: Offset,
    /// The last one; the newest visible without it.
    pub(super) until: Option<Offset>,
    /// Most events to find.
    pub(super) most: u64,
}

/// An event that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) offset: Offset,
    pub(super) kind: EventKind,
    /// Its line, without the end.
    pub(super) text: String,
}

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) found: Vec<Found>,
    /// The first offset that was not looked at.
    pub(super) next: Offset,
    /// The newest visible event.
    pub(super) head: Offset,
    /// How many events were looked at.
    pub(super) looked_at: usize,
}

/// What was found so far.
struct Search<'a> {
    log: &'a dyn Log,
    ask: &'a Ask,
    page: Page,
    bytes: usize,
    pace: Pace,
}

/// Reads a page. What is durable but not projected yet is not visible.
pub(super) fn read(view: &dyn RowsView, log: &dyn Log, ask: &Ask) -> Result<Page, ApiError> {
    let head = view.project_head(ask.project)?;
    let head = head.map_or(Offset(0), |head| head.offset);
    let until = ask.until.map_or(head, |until| until.min(head));
    let mut search = Search {
        log,
        ask,
        page: Page {
            found: Vec::new(),
            next: ask.from,
            head,
            looked_at: 0,
        },
        bytes: 0,
        pace: Pace::new(),
    };
    let searched = match &ask.filter.stream {
        None => search.scan(until),
        Some(stream) => search.follow(view, stream, until),
    };
    match searched {
        // what was found before it is shown first; the next page begins with the failure
        Err(_) if search.page.next > ask.from => Ok(search.page),
        Err(error) => Err(error),
        Ok(()) => Ok(search.page),
    }
}

impl Search<'_> {
    fn is_full(&self) -> bool {
        self.bytes >= PAGE_BYTES
            || self.page.looked_at >= PAGE_EVENTS
            || self.page.found.len() as u64 >= self.ask.most
    }

    /// Looks at every event.
    fn scan(&mut self, until: Offset) -> Result<(), ApiError> {
        while self.page.next <= until && !self.is_full() {
            let before = self.bytes;
            let (from, at_once) = (self.page.next, self.pace.next());
            let read = self.log.read(self.ask.project, from, at_once);
            let events = shown(read, |keyless| match usize::try_from(keyless.0 - from.0) {
                Ok(before @ 1..) => self.log.read(self.ask.project, from, before),
                Ok(0) | Err(_) => Ok(Vec::new()),
            })?;
            if events.is_empty() {
                // the view says that there are events up to its head
                return Err(damaged(from, "the record is missing"));
            }
            for event in events {
                if event.envelope().offset > until || self.is_full() {
                    break;
                }
                self.take(&event)?;
            }
            let left = PAGE_BYTES.saturating_sub(self.bytes);
            self.pace.took(self.bytes - before, left);
        }
        Ok(())
    }

    /// Looks at the events of one entity, life by life.
    fn follow(
        &mut self,
        view: &dyn RowsView,
        stream: &Stream,
        until: Offset,
    ) -> Result<(), ApiError> {
        while self.page.next <= until && !self.is_full() {
            let after = Offset(self.page.next.0 - 1);
            // that of the place, which may be over, and the one after it
            let lives = view.lives(self.ask.project, stream, self.page.next, 2)?;
            let mut entries = Vec::new();
            for incarnation in lives {
                let range = StreamRange {
                    stream: stream.clone(),
                    incarnation,
                    after,
                    limit: PAGE_EVENTS,
                };
                entries = view.stream(self.ask.project, &range)?;
                if !entries.is_empty() {
                    break;
                }
            }
            entries.retain(|entry| entry.offset <= until);
            let Some(last) = entries.last().map(|entry| entry.offset) else {
                self.page.next = until.next();
                return Ok(());
            };
            let wanted = entries
                .iter()
                .filter(|entry| self.ask.filter.takes_kind(entry.kind));
            let wanted: Vec<Offset> = wanted.map(|entry| entry.offset).collect();
            self.page.looked_at += entries.len() - wanted.len();
            if self.take_at(&wanted)? {
                self.page.next = last.next();
            }
        }
        Ok(())
    }

    /// Takes events at offsets; whether all of them were looked at.
    fn take_at(&mut self, mut rest: &[Offset]) -> Result<bool, ApiError> {
        while !rest.is_empty() {
            let before = self.bytes;
            let (slice, _) = rest.split_at(self.pace.next().min(rest.len()));
            let project = self.ask.project;
            let events = shown(self.log.read_at(project, slice), |keyless| {
                let before = slice.partition_point(|offset| *offset < keyless);
                self.log
                    .read_at(project, slice.get(..before).unwrap_or_default())
            })?;
            for event in events {
                if self.is_full() {
                    return Ok(false);
                }
                self.take(&event)?;
                rest = rest.get(1..).unwrap_or_default();
            }
            let left = PAGE_BYTES.saturating_sub(self.bytes);
            self.pace.took(self.bytes - before, left);
        }
        Ok(true)
    }

    fn take(&mut self, event: &Shown) -> Result<(), ApiError> {
        let envelope = event.envelope();
        self.page.looked_at += 1;
        self.page.next = envelope.offset.next();
        if !self.ask.filter.takes(envelope) {
            return Ok(());
        }
        let text = event.text()?;
        self.bytes += text.len();
        self.page.found.push(Found {
            offset: envelope.offset,
            kind: envelope.kind,
            text,
        });
        Ok(())
    }
}

/// An event as it can be shown.
enum Shown {
    Whole(Box<Recorded>),
    /// The key of its payload is gone.
    Envelope(Box<Envelope>),
}

impl Shown {
    fn envelope(&self) -> &Envelope {
        match self {
            Self::Whole(recorded) => &recorded.envelope,
            Self::Envelope(envelope) => envelope,
        }
    }

    fn text(&self) -> Result<String, ApiError> {
        let line = match self {
            Self::Whole(recorded) => Line::of(recorded),
            Self::Envelope(envelope) => Line::without_key(envelope),
        };
        let mut text = Vec::with_capacity(1_024);
        line.write(&mut text).map_err(ApiError::internal)?;
        String::from_utf8(text).map_err(ApiError::internal)
    }
}

/// Events that were read. Where the payload of one does not read for want of its key, those before
/// it and then its envelope.
fn shown(
    read: Result<Vec<Recorded>, ReadFailure>,
    before: impl FnOnce(Offset) -> Result<Vec<Recorded>, ReadFailure>,
) -> Result<Vec<Shown>, ApiError> {
    let (events, keyless) = match read {
        Ok(events) => (events, None),
        Err(ReadFailure::KeyMissing { envelope }) => {
            let events = before(envelope.offset).map_err(unreadable)?;
            (events, Some(Shown::Envelope(envelope)))
        }
        Err(failure) => return Err(unreadable(failure)),
    };
    let events = events.into_iter().map(without_secrets);
    let events = events.map(|event| Shown::Whole(Box::new(event)));
    Ok(events.chain(keyless).collect())
}

/// Damage is named with its place, which whoever reads the log may know; why is for the server's log.
fn unreadable(failure: ReadFailure) -> ApiError {
    match failure {
        ReadFailure::Damaged { offset, reason, .. } => damaged(offset, &reason),
        ReadFailure::KeyMissing { .. } | ReadFailure::Engine { .. } => ApiError::internal(failure),
    }
}

fn damaged(offset: Offset, reason: &str) -> ApiError {
    let message = format!("the record at offset {offset} is damaged; the server's log says how");
    ApiError::new(ErrorType::LogDamaged, message).because(reason)
}

#[cfg(test)]
mod tests;
