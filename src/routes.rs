//! All routes: where resources, live sockets, the log, exports and imports meet, which know nothing of each
//! other's routes.

use std::sync::Arc;

use axum::Router;

use crate::http::Edge;
use crate::{http, live, log, transfer};

/// The whole interface, for a listener or a test.
pub fn routes(edge: &Arc<Edge>) -> Router {
    let more = live::routes().into_iter().chain(log::routes());
    http::router(edge, more.chain(transfer::routes()))
}
