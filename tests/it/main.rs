//! Every integration test, in one binary: each further one would link the engines again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise: its panic is its report"
)]

mod conformance;
mod crash;
mod house;
mod http;
mod live;
mod real_input;
mod said;
#[path = "../sim/mod.rs"]
mod sim;
