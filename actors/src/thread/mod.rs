//! The thread actor: the one writer of a thread.
//!
//! It decides on its committed state plus the overlay of its own appends in flight, so that it
//! need not wait for one commit before it decides the next. Answers wait for the commit.

mod actor;
mod asked;
mod facts;
mod load;
mod outcomes;
mod overlay;
mod settle;
#[cfg(test)]
mod tests;

pub(crate) use actor::{ThreadActor, ThreadKey, ThreadMessage, ThreadWorld};
pub(crate) use asked::Asked;
