//! The HTTP interface, in process against the real engines in a temporary folder; [`binary`],
//! [`served`], [`mending`] and [`readme`] try the built program. Tables of scenarios: request, status, type, and the events that occurred.

mod account;
mod binary;
mod branches;
mod changed_items;
mod denials;
mod documented;
pub(crate) mod event_stream;
mod forks;
mod forks_alike;
mod history;
mod history_bounds;
mod history_pages;
mod idempotency;
mod imports;
mod items;
mod limits;
mod log;
mod log_kills;
mod log_streams;
mod marks;
mod mending;
mod program;
mod queries;
mod readme;
mod request;
mod retention;
mod revocation;
mod scenario;
mod served;
mod sessions;
mod set_up;
mod tenants;
mod threads;
mod transfer;
mod world;
