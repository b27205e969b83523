//! The edge of Everlog: the only place that knows HTTP, WebSocket and wire formats. The binary is
//! [`cli::main`]; tests drive [`http::Edge`] in process.

mod attempts;
pub mod cli;
mod clock;
mod config;
mod cursor;
pub mod error;
pub mod http;
mod json_answer;
pub mod key_text;
mod live;
mod log;
mod party;
mod passwords;
mod past;
mod private_file;
mod random;
mod request_id;
pub mod routes;
mod server;
mod sweeping;
mod telemetry;
mod transfer;
mod wiring;
