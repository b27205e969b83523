//! The log's rules: what an append is, who arbitrates, how the chain is made.

mod append;
mod arbiter;
mod batch;
pub mod chain;

pub use append::{Append, Basis, Claim, Draft, Expected, Sealed, Ticket};
pub use arbiter::{Arbiter, Conflict, OpenBatch, ProjectHead};
pub use batch::{Batch, CommittedEvent, Manifest, ManifestEntry};
