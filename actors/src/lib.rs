//! The shells around the rules: ractor actors, the committer, admission, bounded reads, live.
//!
//! [`Node`] is the face of all of it. How a change flows: permit → actor (decide) → committer
//! (arbiter, log, rows) → actor (apply) → answer; then live.

mod activator;
mod admission;
mod branches;
mod committer;
mod directory;
mod disclosed;
mod earlier;
#[cfg(test)]
mod fixture;
mod forks;
pub mod live;
mod node;
mod options;
mod project;
mod quotas;
mod reads;
mod registry;
mod request;
mod retention;
mod shares;
mod supervisor;
mod templates;
mod thread;
mod turns;

pub use committer::CommitterAlone;
pub use node::{Node, StartFailure};
pub use options::{CommitterMode, NodeOptions};
pub use reads::{HeldView, ReadTurn, Reads};
pub use request::{
    Granted, Halt, IdOrigin, ProjectCommand, ProjectRequest, Refused, ThreadRequest,
};
pub use retention::{Sweeper, Swept};
