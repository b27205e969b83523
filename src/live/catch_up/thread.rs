//! The past of one thread: its stream index tells where its events are.

use compact_str::CompactString;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{StreamEntry, StreamRange};
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;

use super::Page;
use crate::live::life::{Life, cell, incarnation};
use crate::live::page::{Change, Pace, Reach, ReadError};
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
    let mut rest = offsets.as_slice();
    let mut pace = Pace::new();
    while !rest.is_empty() {
        let (slice, later) = rest.split_at(pace.next().min(rest.len()));
        let before = page.links.bytes();
        for recorded in page.log.read_at(life.project, slice)? {
            let offset = recorded.envelope.offset;
            page.links
                .push(&recorded.envelope, Change::event(&recorded));
            if page.links.is_full() && offsets.last() != Some(&offset) {
                // What was read beyond is read again: a page that waits for its reader is small.
                return Ok(Some(offset));
            }
        }
        pace.took(page.links.bytes() - before);
        rest = later;
    }
    Ok(None)
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
