//! Live: who watches what, and the newest events of what is watched.
//!
//! A subscription is a cursor, not a queue: the hub keeps one bounded ring for each thread or
//! project that somebody watches, whoever and however many watch it, and nothing for anybody in
//! particular. Who is there and who types (`signals`) is a state of the moment, of which a connection sees the newest. Publishing marks the connections that are interested and waits for none of them. A
//! reader that has fallen behind its ring reads the log.

mod access_changes;
mod hub;
mod kept;
mod presence;
mod published;
mod ring;
mod signals;
mod topic;
mod waker;
mod weight;

#[cfg(test)]
mod tests;

pub use access_changes::Access;
pub use hub::{CallersWatch, Hub, Interest, Watch};
pub use kept::HubBounds;
pub use presence::Presence;
pub use published::{Form, Published};
pub use ring::Read;
pub use signals::Moment;
pub use waker::{Marks, SLOTS, Slot, Waker};
pub use weight::of_row as row_weight;
