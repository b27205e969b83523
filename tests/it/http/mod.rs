//! The HTTP interface, in process against the real engines in a temporary folder; [`binary`],
//! [`served`], [`mending`] and [`readme`] try the built program. Tables of scenarios: request, status, type, and the events that occurred.

mod account;
mod binary;
mod denials;
mod documented;
mod history;
mod idempotency;
mod items;
mod limits;
mod mending;
mod program;
mod queries;
mod readme;
mod request;
mod revocation;
mod scenario;
mod served;
mod sessions;
mod set_up;
mod tenants;
mod threads;
mod world;
