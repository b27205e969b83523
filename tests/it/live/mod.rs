//! `/v1/live`, in process against the real engines: every frame is held against the schema, every
//! link against the one before it.

mod bystanders;
mod calls;
mod client;
mod denials;
mod equivalence;
mod follow;
mod handshake;
mod histories;
mod many;
mod resume;
mod revocation;
mod rights;
mod schema;
mod slow;
mod snapshots;
mod thread_events;
mod visibility;
mod world;
