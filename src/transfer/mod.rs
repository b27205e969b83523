//! Threads on their way out of a project and into another one, as lines of JSON: `docs/http.md` has
//! the lines.
//!
//! An export is a cursor over one moment, read piece by piece as it is taken. An import is a caller
//! like any other: each line becomes the ordinary command, so rules, quotas and admission hold, and
//! what it makes is events.

mod export;
mod export_stream;
mod export_thread;
mod import;
mod imported;
mod lines_in;
mod lines_out;
mod report;
mod sender;

use axum::Extension;
use axum::routing::{get, post};

use crate::http::Route;
use crate::live::Places;

/// Most exports, and most imports, of the process: each holds a piece of a thread in memory.
const MOST: usize = 16;
/// Most of one project.
const PER_PROJECT: usize = 4;

/// The routes.
pub(crate) fn routes() -> [Route; 3] {
    let exports = Extension(Places::new(MOST, PER_PROJECT, "exports", "everlog_exports"));
    let imports = Extension(Places::new(MOST, PER_PROJECT, "imports", "everlog_imports"));
    [
        (
            "/v1/export/threads",
            get(export::all).layer(exports.clone()),
        ),
        (
            "/v1/threads/{threadId}/export",
            get(export::one).layer(exports),
        ),
        ("/v1/import/threads", post(import::threads).layer(imports)),
    ]
}
