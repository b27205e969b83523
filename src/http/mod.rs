//! HTTP: a file a resource, and what they share: who asks, what is asked, how it is answered.

mod account;
mod answer;
mod asked;
mod cells;
mod client_address;
mod credentials;
mod deltas;
mod edge;
mod health;
mod identity;
mod item_wire;
mod items;
mod metrics;
mod new_id;
mod observe;
mod open_items;
mod origins;
mod participants;
mod path;
mod path_project;
mod queries;
mod reading;
mod router;
mod session_cookies;
mod sessions;
mod set_up;
mod thread_wire;
mod threads;
mod visitor;
mod wishes;
mod writing;

pub use client_address::Addresses;
pub use credentials::Credentials;
pub use deltas::{DeltaBudget, with_deltas};
pub use edge::{Calls, Edge, EdgeParts, Stopping};
pub use identity::Identity;
pub use item_wire::ItemAnswer;
pub use origins::{LocalPages, Origins};
pub use queries::{ListQuery, Listing, PublicCursor};
pub use set_up::SetUp;
pub use thread_wire::ThreadAnswer;
pub use visitor::Visitor;

pub(crate) use items::LISTING as ITEMS;
pub(crate) use router::{Route, router};
pub(crate) use threads::LISTING as THREADS;
