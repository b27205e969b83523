//! The HTTP interface, in process against the real engines in a temporary folder; [`binary`] tries
//! the built program. Tables of scenarios: request, status, type, and the events that occurred.

mod account;
mod binary;
mod denials;
mod documented;
mod idempotency;
mod items;
mod limits;
mod program;
mod queries;
mod request;
mod revocation;
mod scenario;
mod sessions;
mod set_up;
mod tenants;
mod threads;
mod world;
