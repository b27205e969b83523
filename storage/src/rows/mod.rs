//! The row engine: everything that can be listed, as a projection of the log in a fjall database
//! of its own.
//!
//! [`FjallRows::open`] opens it as far as it got, [`catch_up`] brings it up to the log, and
//! [`rebuild`] makes it from nothing. A batch goes through `engine` (one atomic write with its
//! commit number): `overlay` collapses the changes of rows, `entries` keeps indexes and postings,
//! `unique` the keys of unique indexes, `runs` the stream index, `envelopes` heads and idempotency scopes, `purge` removes what nothing can
//! reach. A list goes through `list`: `plan` chooses keys by the `conditions` of the filters,
//! `walk` reads them. The forms of keys and values are in `layout`, `value_key` and `row_bytes`.
//!
//! What must hold:
//! * A batch and its commit number are one write. Nothing is synced: what a power loss takes is
//!   projected again from the log.
//! * Whatever the plan, a row that is answered has been put to the filters and to its readers.
//! * What is in the log can be projected. Where an event clashes with a row, the first one stays,
//!   and the clash is counted and logged.
//! * A unique index entry is never overwritten, unless who holds it was decided before the log. A missing row behind an index is never skipped: it
//!   is damage, and damage is named.

mod best;
mod bounds;
mod catch_up;
mod clash;
mod conditions;
mod cursor;
mod damage;
mod engine;
mod entries;
mod envelopes;
mod hot;
mod layout;
mod list;
mod open;
mod order;
mod overlay;
mod plan;
mod purge;
mod purges;
mod range;
mod row_bytes;
mod runs;
mod snapshot;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod unique;
mod value_key;
mod view;
mod walk;

pub use bounds::Bounds;
pub use catch_up::{CatchUpFailure, catch_up, rebuild};
#[cfg(test)]
pub(crate) use damage::mark_damaged;
pub(crate) use damage::{is_marked_damaged, unmark_damaged};
pub use engine::FjallRows;

pub use open::{OpenFailure, peek_commit};
