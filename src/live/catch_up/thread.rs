//! The past of one thread: its stream index tells where its events are.

use std::collections::VecDeque;
use std::sync::Arc;

use compact_str::CompactString;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{Offset, Position};
use everlog_domain::ports::{StreamEntry, StreamRange, expired_in};
use everlog_domain::tables::system::threads;
use everlog_domain::threads::{Expired, item_of};
use everlog_domain::value::Value;

use super::{Page, count_log_events};
use crate::live::event_text;
use crate::live::life::{Life, cell, incarnation};
use crate::live::page::{Change, Pace, Reach, ReadError};
use crate::live::past_texts::PastText;
use crate::live::shown::ThreadLife;
use crate::live::timeline::Timeline;

/// Entries of the index that are read for a page: about as many as fit.
const ENTRIES: usize = 128;

/// What was read of a thread.
pub(super) struct ThreadRead {
    pub(super) reach: Reach,
    pub(super) known: Option<bool>,
    pub(super) ended: bool,
}

/// Reads a page of a thread's past; only `leave` if the thread is deleted or unreadable by now.
pub(super) fn read(page: &mut Page<'_>, life: &ThreadLife) -> Result<ThreadRead, ReadError> {
    let id = CompactString::new(life.thread.as_str());
    if !is_readable(page, life)? {
        let offset = page.head.max(page.ask.after);
        page.links.push_loss(offset, Change::LeaveEnded(id));
        return Ok(ThreadRead {
            reach: Reach::Head(offset),
            known: None,
            ended: true,
        });
    }
    let mut after = page.ask.after;
    let before_life = Offset(life.incarnation.0.saturating_sub(1));
    if after > Offset(0) && after < before_life {
        // The cursor is older than the thread: what the reader may hold under this id is of
        // another life.
        page.links.push_loss(before_life, Change::Leave(id));
        after = before_life;
    }
    let whole = life.life(page.ask.caller.project);
    let timeline = Timeline::of_living(page.view, &page.ask.caller, &whole, after, page.ask.known)?;
    let range = StreamRange {
        stream: whole.stream.clone(),
        incarnation: life.incarnation,
        after,
        limit: ENTRIES,
    };
    let entries = page.view.stream(whole.project, &range)?;
    let whole_index = entries.len() < ENTRIES;
    let stopped = read_entries(page, life, &whole, &timeline, &entries)?;
    let reach = match stopped.or_else(|| entries.last().map(|entry| entry.offset)) {
        Some(offset) if stopped.is_some() || !whole_index => Reach::Until(offset),
        _ => Reach::Head(page.head.max(after)),
    };
    let reached = match reach {
        Reach::Until(offset) | Reach::Head(offset) => offset,
    };
    Ok(ThreadRead {
        reach,
        known: Some(timeline.at(reached)),
        ended: false,
    })
}

/// Takes the events of the entries into the page. Answers where it stopped, if the page was full
/// before the last.
fn read_entries(
    page: &mut Page<'_>,
    shown: &ThreadLife,
    life: &Life,
    timeline: &Timeline,
    entries: &[StreamEntry],
) -> Result<Option<Offset>, ReadError> {
    let wanted = |entry: &&StreamEntry| shown.shows(entry.kind) && timeline.at(entry.offset);
    let offsets: Vec<Offset> = entries
        .iter()
        .filter(wanted)
        .map(|entry| entry.offset)
        .collect();
    let mut texts = Texts {
        life,
        expired: expired_in(page.view, life.project, &life.stream.id, life.incarnation)?,
        rest: &offsets,
        read: VecDeque::new(),
        pace: Pace::new(),
    };
    while let Some(Placed { offset, text }) = texts.next(page)? {
        page.links.push_text(offset, text, life);
        if page.links.is_full() && offsets.last() != Some(&offset) {
            // What was read beyond is there for the next page, as long as it is kept.
            return Ok(Some(offset));
        }
    }
    Ok(None)
}

/// The texts of events, in order: those that are kept, and in between as many as fit a page at
/// once from the log.
struct Texts<'a> {
    life: &'a Life,
    /// What was kept of it before is withheld as well.
    expired: Expired,
    rest: &'a [Offset],
    read: VecDeque<Placed>,
    pace: Pace,
}

struct Placed {
    offset: Offset,
    text: Arc<str>,
}

impl Texts<'_> {
    fn next(&mut self, page: &Page<'_>) -> Result<Option<Placed>, ReadError> {
        let project = self.life.project;
        while self.read.is_empty() {
            let Some((&offset, rest)) = self.rest.split_first() else {
                return Ok(None);
            };
            match page.ask.texts.get(project, offset) {
                Some(kept) => {
                    self.rest = rest;
                    if !kept.of_item.is_some_and(|item| self.expired.holds(item)) {
                        let text = kept.text;
                        return Ok(Some(Placed { offset, text }));
                    }
                }
                None => self.read_on(page)?,
            }
        }
        Ok(self.read.pop_front())
    }

    fn read_on(&mut self, page: &Page<'_>) -> Result<(), ReadError> {
        let project = self.life.project;
        let within = self.rest.iter().take(self.pace.next());
        let missing = within.take_while(|offset| !page.ask.texts.has(project, **offset));
        let (slice, later) = self.rest.split_at(missing.count());
        let mut bytes = 0;
        count_log_events(slice.len());
        for recorded in page.log.read_at(project, slice)? {
            let offset = recorded.envelope.offset;
            // Events of a thread have a text, all of them but what is withheld.
            let Some(text) = event_text::whole(&recorded) else {
                continue;
            };
            bytes += text.len();
            let text: Arc<str> = text.into();
            let kept = PastText {
                of_item: of_item(&recorded),
                text: Arc::clone(&text),
            };
            page.ask.texts.keep(project, offset, kept);
            self.read.push_back(Placed { offset, text });
        }
        let left = page.links.left().saturating_sub(bytes);
        self.pace.took(bytes, left);
        self.rest = later;
        Ok(())
    }
}

/// The item that an event tells something of.
fn of_item(recorded: &Recorded) -> Option<Position> {
    match &recorded.event {
        Event::Thread(event) => item_of(recorded.envelope.position, event),
        _ => None,
    }
}

/// Whether this life goes on and the caller may read it today.
fn is_readable(page: &Page<'_>, life: &ThreadLife) -> Result<bool, ReadError> {
    let caller = &page.ask.caller;
    let key = [Value::text(life.thread.as_str())];
    let row = page.view.get(caller.project, threads::TABLE, &key)?;
    Ok(row.is_some_and(|row| {
        incarnation(&row) == life.incarnation && caller.may_read(cell(&row, threads::READERS))
    }))
}
