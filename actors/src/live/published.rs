//! An event on its way to subscribers.

use std::sync::{Arc, OnceLock};

use everlog_domain::event::Recorded;
use everlog_domain::ids::Offset;
use everlog_domain::ports::{Projected, RowDelta};

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
