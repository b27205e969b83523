//! An event on its way to subscribers.

use std::sync::{Arc, OnceLock};

use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Projected, RowDelta};
use everlog_domain::threads::{Expired, ThreadEvent, item_of};

use super::weight;

/// The texts that subscribers get of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// All that happened.
    Whole,
    /// The row that it changed.
    Row,
}

/// A durable, projected event, shared by everybody who watches it.
#[derive(Debug)]
pub struct Published {
    /// The event.
    pub recorded: Arc<Recorded>,
    /// The rows that it changed, of tables with readers.
    pub deltas: Vec<RowDelta>,
    weight: usize,
    whole: OnceLock<Box<str>>,
    row: OnceLock<Box<str>>,
}

impl Published {
    /// Takes in what the projection made of an event.
    #[must_use]
    pub fn new(projected: Projected) -> Self {
        let Projected { recorded, deltas } = projected;
        Self {
            weight: weight::of(&recorded, &deltas),
            recorded,
            deltas,
            whole: OnceLock::new(),
            row: OnceLock::new(),
        }
    }

    /// Its offset in the project's log.
    #[must_use]
    pub fn offset(&self) -> Offset {
        self.recorded.envelope.offset
    }

    /// Bytes that it takes in memory, roughly, its texts included.
    #[must_use]
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// What has expired of its thread from this event on, if it tells of that.
    pub(super) fn expires(&self) -> Option<&Expired> {
        match &self.recorded.event {
            Event::Thread(ThreadEvent::ItemsExpired(event)) => Some(&event.expired),
            _ => None,
        }
    }

    /// Whether it is withheld once `later`, which is of the same project, tells what has expired.
    pub(super) fn is_withheld(&self, later: &Self, expired: &Expired) -> bool {
        let (own, other) = (&self.recorded.envelope, &later.recorded.envelope);
        let Event::Thread(event) = &self.recorded.event else {
            return false;
        };
        let same_life = own.incarnation == other.incarnation && own.stream == other.stream;
        same_life && item_of(own.position, event).is_some_and(|opened| expired.holds(opened))
    }

    /// Its text in a form, which the first reader makes and all share. The wire form is the edge's
    /// business.
    pub fn text(&self, form: Form, make: impl FnOnce(&Self) -> String) -> &str {
        let text = match form {
            Form::Whole => &self.whole,
            Form::Row => &self.row,
        };
        text.get_or_init(|| make(self).into_boxed_str())
    }
}
