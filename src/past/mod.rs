//! The past: threads and items as they stood at an offset of the project's log.
//!
//! Nothing is kept for it. What was not changed since is today's row; what was changed since is put
//! together from its own events, backwards from that moment and only as far as a cell is unknown.
//! Both are listed together, in the one query language.
//!
//! A past reading is allowed where today's roles pass today's permissions and those of that moment.
//! A thread that is deleted by now, or an earlier life of an id, is there for the scope
//! [`HISTORY_SCOPE`] alone.

mod alike;
mod bounds;
mod events;
mod fork;
mod history;
mod item_events;
mod items;
mod lives;
mod merge;
mod moment;
mod thread_list;
mod thread_row;
mod timeline;
mod written;

#[cfg(test)]
mod tests;

pub(crate) use events::Past;
pub(crate) use history::{Asked, Change, Entry};
pub(crate) use items::{ItemCursor, ItemsThen};
pub(crate) use moment::At;

/// The scope that reads what is deleted by now.
pub(crate) const HISTORY_SCOPE: &str = "history.read";
