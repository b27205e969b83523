//! The thread actor: the one writer of a thread.
//!
//! It decides on its committed state plus the overlay of its own appends in flight, so that it
//! need not wait for one commit before it decides the next. Answers wait for the commit.

mod actor;
mod facts;
mod load;
mod overlay;
mod settle;

pub(crate) use actor::{Asked, ThreadActor, ThreadKey, ThreadMessage, ThreadWorld};
