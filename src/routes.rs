//! All routes: where resources and live sockets meet, which know nothing of each other's routes.

use std::sync::Arc;

use axum::Router;

use crate::http::Edge;
use crate::{http, live};

/// The whole interface, for a listener or a test.
pub fn routes(edge: &Arc<Edge>) -> Router {
    http::router(edge, live::routes())
}
