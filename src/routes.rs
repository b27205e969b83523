//! All routes: where resources, live sockets and the log meet, which know nothing of each
//! other's routes.

use std::sync::Arc;

use axum::Router;

use crate::http::Edge;
use crate::{http, live, log};

/// The whole interface, for a listener or a test.
pub fn routes(edge: &Arc<Edge>) -> Router {
    http::router(edge, live::routes().into_iter().chain(log::routes()))
}
