//! `/v1/log`: a project's log as an interface, for keys with the scope `log.read`. `docs/http.md`
//! has its forms.
//!
//! Whoever reads is a cursor: pages are read one after the other, each with a place of its own in
//! the bounded pool of reads, and the next one only when the former is taken.

mod asked;
mod expirations;
mod filter;
mod form;
mod get;
mod line;
mod page;
mod standing;
mod stream;

use axum::Extension;

use crate::http::Route;
use crate::live::Places;

pub(crate) use expirations::Expirations;
pub(crate) use line::{Line, without_secrets};
pub(crate) use standing::{Standing, busy};

/// Most streams of the process. Each may hold a page and has a place among the reads in turn.
const STREAMS: usize = 1_024;
/// Most streams of one project.
const PER_PROJECT: usize = 128;

/// The routes.
pub(crate) fn routes() -> [Route; 1] {
    let places = Places::new(
        STREAMS,
        PER_PROJECT,
        "streams of the log",
        "everlog_log_streams",
    );
    let log = axum::routing::get(get::get).layer(Extension(places));
    [("/v1/log", log)]
}
