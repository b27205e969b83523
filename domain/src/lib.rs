//! The rules of Everlog: state, decisions, events, queries and permissions.
//!
//! Nothing here does I/O, reads a clock or makes a random number. What a rule needs comes in as
//! data; what it decides goes out as data. The engines stand behind [`ports`]; the actors drive
//! the rules; the root package speaks the protocols.

pub mod access;
pub mod envelope;
pub mod event;
pub mod hash;
pub mod identity;
pub mod ids;
pub mod log;
pub mod ports;
pub mod projects;
pub mod query;
pub mod retention;
pub mod tables;
pub mod thread_templates;
pub mod threads;
pub mod time;
pub mod value;
