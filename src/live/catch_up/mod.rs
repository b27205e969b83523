//! The past of a subscription, read from the log at the reader's own pace. Nothing is kept between
//! two pages but the cursor and, of the rows of threads, a few, so a reader that stalls costs next
//! to nothing.
//!
//! What is past is shown only where the caller's roles of today pass both today's permissions and
//! those of that moment. `leave` is the exception: it tells of the loss itself.

mod history;
mod items;
mod lives;
#[cfg(test)]
mod tests;
mod thread;
mod threads;

use std::sync::Arc;

use compact_str::CompactString;
use everlog_domain::access::Caller;
use everlog_domain::event::Recorded;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, ReadFailure, RowsView};
use parking_lot::Mutex;

use super::page::{Change, Link, Links, PAGE_EVENTS, Pace, Reach, ReadError};
use super::past_texts::PastTexts;
use super::shown::Shown;

pub(super) use history::Folded;
pub(super) use threads::shows;

/// What to read.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// For whom.
    pub(super) caller: Arc<Caller>,
    /// What it is about.
    pub(super) shown: Arc<Shown>,
    /// Everything up to here has been looked at.
    pub(super) after: Offset,
    /// Whether the caller might read the thread at `after`, if that is known.
    pub(super) known: Option<bool>,
    /// Rows of threads at `after`. Nobody else holds the lock: pages of a subscription are read one
    /// after the other.
    pub(super) folded: Arc<Mutex<Folded>>,
    /// What others read lately.
    pub(super) texts: PastTexts,
}

/// A page of the past.
#[derive(Debug)]
pub(super) struct Past {
    /// In order.
    pub(super) links: Vec<Link>,
    /// How far it goes.
    pub(super) reach: Reach,
    /// The newest event of the view: it was authorised by what held after it.
    pub(super) head: Offset,
    /// The caller epoch of the view.
    pub(super) epoch: Offset,
    /// Threads that were met, and whether the caller may read them by this view. Only of items,
    /// where their present needs it.
    pub(super) readable: Vec<(CompactString, bool)>,
    /// Whether the caller might read the thread at the end of the page.
    pub(super) known: Option<bool>,
    /// Whether the subscription is over: its thread is deleted or no longer readable.
    pub(super) ended: bool,
}

/// How far the view has got, and the page so far.
struct Page<'a> {
    view: &'a dyn RowsView,
    log: &'a dyn Log,
    ask: &'a Ask,
    head: Offset,
    links: Links,
}

impl Page<'_> {
    /// Looks at the events of the project's log after the cursor, until the page is full or
    /// everything visible was looked at.
    fn each_event(
        &mut self,
        mut change: impl FnMut(&Self, &Recorded) -> Result<Option<Change>, ReadError>,
    ) -> Result<Reach, ReadError> {
        let mut reached = self.ask.after;
        let mut looked_at = 0;
        let mut pace = Pace::new();
        while reached < self.head {
            if looked_at >= PAGE_EVENTS {
                return Ok(Reach::Until(reached));
            }
            let before = self.links.bytes();
            let events = self
                .log
                .read(self.ask.caller.project, reached.next(), pace.next())?;
            count_log_events(events.len());
            // What is durable but not projected yet is not visible.
            let visible = events
                .iter()
                .take_while(|event| event.envelope.offset <= self.head);
            for recorded in visible {
                reached = recorded.envelope.offset;
                looked_at += 1;
                let change = change(self, recorded)?;
                self.links.push(&recorded.envelope, change);
                if self.links.is_full() {
                    // What was read beyond is read again: a page that waits for its reader is small.
                    return Ok(Reach::Until(reached));
                }
            }
            if events.is_empty() {
                // The view says that there are events up to its head.
                let offset = reached.next();
                let (project, reason) =
                    (self.ask.caller.project, "the record is missing".to_owned());
                return Err(ReadFailure::Damaged {
                    project,
                    offset,
                    reason,
                }
                .into());
            }
            pace.took(self.links.bytes() - before, self.links.left());
        }
        Ok(Reach::Head(self.head.max(self.ask.after)))
    }
}

/// Counts events that were read from the log, opened and encoded, because subscriptions were behind.
fn count_log_events(count: usize) {
    metrics::counter!("everlog_live_log_events_total").increment(count as u64);
}

/// Reads a page, up to the newest visible event at most. The access of today and the events come
/// from one view, so that no revocation lies between them.
pub(super) fn read(view: &dyn RowsView, log: &dyn Log, ask: &Ask) -> Result<Past, ReadError> {
    let head = view.project_head(ask.caller.project)?;
    let (head, epoch) = head.map_or((Offset(0), Offset(0)), |head| {
        (head.offset, head.caller_epoch)
    });
    let mut page = Page {
        view,
        log,
        ask,
        head,
        links: Links::default(),
    };
    let mut known = None;
    let mut ended = false;
    let mut readable = Vec::new();
    let reach = match ask.shown.as_ref() {
        Shown::Thread(life) => {
            let read = thread::read(&mut page, life)?;
            (known, ended) = (read.known, read.ended);
            read.reach
        }
        Shown::Threads(query) => threads::read(&mut page, query)?,
        Shown::Items(filters) => {
            let read = items::read(&mut page, filters)?;
            readable = read.readable;
            read.reach
        }
    };
    Ok(Past {
        links: page.links.into_vec(),
        reach,
        head,
        epoch,
        readable,
        known,
        ended,
    })
}
