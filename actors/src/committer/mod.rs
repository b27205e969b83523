//! The committer: gathers the appends of all actors, lets the arbiter admit them, and takes them
//! through the two stages that every change passes, in this order:
//!
//! 1. log: one atomic batch, synced once — durable;
//! 2. rows: the batch's changes with its commit number — visible; then answers; then live.
//!
//! While one batch syncs, the next one gathers in the intake; while one projects, the next syncs.

mod alone;
mod intake;
mod stages;
mod start;

pub use alone::CommitterAlone;
pub(crate) use intake::{Outcome, Submission};
pub(crate) use start::{Committer, Parts};
