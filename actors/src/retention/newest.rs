//! Where the newest items of a thread begin, so many of them: counted backwards in its stream index,
//! which has 10 bytes an event.

use everlog_domain::envelope::{EventKind, Stream};
use everlog_domain::ids::{Offset, Position, ProjectNumber, ThreadId};
use everlog_domain::ports::{RowsFailure, RowsView, StreamBack, expired_in};

use super::budget::Budget;

/// Places of the index that are read at once.
const AT_ONCE: usize = 1_024;
/// What they cost, in rows.
const COST: usize = 16;

/// A thread whose items are counted.
pub(super) struct Newest<'a> {
    pub(super) view: &'a dyn RowsView,
    pub(super) project: ProjectNumber,
    pub(super) thread: &'a ThreadId,
    pub(super) incarnation: Offset,
    /// Its oldest item.
    pub(super) oldest: Position,
    /// How many stay.
    pub(super) most: u32,
}

/// How far a thread was counted. What comes meanwhile is newer and is counted next time: fewer go,
/// never more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counting {
    incarnation: Offset,
    before: Position,
    counted: u32,
}

/// What the counting has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// There are no more than may stay.
    Fewer,
    /// The oldest of those that stay.
    From(Position),
    /// The budget is spent.
    Paused(Counting),
}

impl Newest<'_> {
    pub(super) fn count(
        &self,
        counting: Option<Counting>,
        budget: &mut Budget,
    ) -> Result<Counted, RowsFailure> {
        let stream = Stream::thread(self.thread);
        let head = self.view.stream_head(self.project, &stream)?;
        let Some(head) = head.filter(|head| head.incarnation == self.incarnation) else {
            return Ok(Counted::Fewer);
        };
        // Every item takes a place at least.
        let places = head.position.0.saturating_sub(self.oldest.0) + 1;
        if places <= u64::from(self.most) {
            return Ok(Counted::Fewer);
        }
        let expired = expired_in(
            self.view,
            self.project,
            self.thread.as_str(),
            self.incarnation,
        )?;
        let same_life = |counting: &Counting| counting.incarnation == self.incarnation;
        let mut at = counting.filter(same_life).unwrap_or(Counting {
            incarnation: self.incarnation,
            before: head.position.next(),
            counted: 0,
        });
        loop {
            let range = StreamBack {
                stream: stream.clone(),
                incarnation: self.incarnation,
                before: at.before,
                limit: AT_ONCE,
            };
            let entries = self.view.stream_back(self.project, &range)?;
            budget.spend_rows(COST);
            for entry in &entries {
                if entry.position < self.oldest {
                    return Ok(Counted::Fewer);
                }
                at.before = entry.position;
                let begins = matches!(entry.kind, EventKind::ItemPosted | EventKind::ItemOpened);
                if begins && !expired.holds(entry.position) {
                    at.counted += 1;
                }
                if at.counted == self.most {
                    return Ok(Counted::From(entry.position));
                }
            }
            if entries.len() < AT_ONCE {
                return Ok(Counted::Fewer);
            }
            if !budget.is_left() {
                return Ok(Counted::Paused(at));
            }
        }
    }
}
