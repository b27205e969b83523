//! `/v1/live`, in process against the real engines: every frame is held against the schema, every
//! link against the one before it.

mod bystanders;
mod calls;
mod changed_items;
mod client;
mod denials;
mod equivalence;
mod follow;
mod forks;
mod handshake;
mod histories;
mod many;
mod matrix;
mod mentions;
mod quotas;
mod resume;
mod retention;
mod revocation;
mod rights;
mod schema;
mod signals;
mod slow;
mod snapshots;
mod thread_events;
mod visibility;
mod world;
