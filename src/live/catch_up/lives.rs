//! What a page needs to know of the threads that it meets, read once each.

use std::collections::HashMap;

use compact_str::CompactString;
use everlog_domain::access::Caller;
use everlog_domain::envelope::Envelope;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::tables::system::threads;
use everlog_domain::value::Value;

use super::Page;
use crate::live::life::{Life, cell, incarnation};
use crate::live::page::ReadError;
use crate::live::timeline::Timeline;

/// The threads of a page. Bounded by the events of the page.
pub(super) struct Lives<'a> {
    view: &'a dyn RowsView,
    log: &'a dyn Log,
    caller: &'a Caller,
    after: Offset,
    head: Offset,
    known: HashMap<Life, Known>,
}

/// What is known of one life of a thread.
struct Known {
    state: LifeState,
    timeline: Option<Timeline>,
}

/// What has become of a life of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LifeState {
    /// It goes on, and the caller may read it.
    Readable,
    /// It goes on, and the caller may not.
    Unreadable,
    /// It is over.
    Ended,
}

impl<'a> Lives<'a> {
    pub(super) fn new(page: &Page<'a>) -> Self {
        Self {
            view: page.view,
            log: page.log,
            caller: &page.ask.caller,
            after: page.ask.after,
            head: page.head,
            known: HashMap::new(),
        }
    }

    /// Whether the life that an event belongs to goes on and the caller may read it today.
    pub(super) fn is_readable(&mut self, envelope: &Envelope) -> Result<bool, ReadError> {
        Ok(self.known(envelope)?.state == LifeState::Readable)
    }

    /// When the caller might read it.
    pub(super) fn timeline(&mut self, envelope: &Envelope) -> Result<&Timeline, ReadError> {
        let (view, log, caller) = (self.view, self.log, self.caller);
        let (after, head) = (self.after, self.head);
        let life = Life::of(envelope);
        let known = self.known(envelope)?;
        let timeline = match (known.timeline.take(), known.state) {
            (Some(timeline), _) => timeline,
            (None, LifeState::Ended) => {
                Timeline::of_ended(view, log, caller, &life, (after, head))?
            }
            (None, LifeState::Readable | LifeState::Unreadable) => {
                Timeline::of_living(view, caller, &life, after, None)?
            }
        };
        Ok(known.timeline.insert(timeline))
    }

    /// The threads that were met, and whether the caller may read them. One that was made anew is
    /// told of last.
    pub(super) fn readable(self) -> Vec<(CompactString, bool)> {
        let mut lives: Vec<(Life, Known)> = self.known.into_iter().collect();
        lives.sort_unstable_by_key(|(life, _)| life.incarnation);
        let lives = lives.into_iter();
        lives
            .map(|(life, known)| (life.stream.id, known.state == LifeState::Readable))
            .collect()
    }

    fn known(&mut self, envelope: &Envelope) -> Result<&mut Known, ReadError> {
        let life = Life::of(envelope);
        if !self.known.contains_key(&life) {
            let state = self.look(&life)?;
            self.known.insert(
                life.clone(),
                Known {
                    state,
                    timeline: None,
                },
            );
        }
        let fresh = || Known {
            state: LifeState::Ended,
            timeline: None,
        };
        Ok(self.known.entry(life).or_insert_with(fresh))
    }

    fn look(&self, life: &Life) -> Result<LifeState, ReadError> {
        let key = [Value::Text(life.stream.id.clone())];
        let row = self.view.get(life.project, threads::TABLE, &key)?;
        let row = row.filter(|row| incarnation(row) == life.incarnation);
        Ok(match row {
            None => LifeState::Ended,
            Some(row) if self.caller.may_read(cell(&row, threads::READERS)) => LifeState::Readable,
            Some(_) => LifeState::Unreadable,
        })
    }
}
