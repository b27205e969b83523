//! The routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, Method};
use axum::middleware::from_fn;
use axum::routing::{get, patch, post, put};
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::answer::{CURSOR, OFFSET, REPLAYED};
use super::asked::MAX_BODY_BYTES;
use super::edge::{Calls, Edge, no_method, no_route};
use super::observe::{observe, panicked};
use super::{
    account, health, items, metrics, open_items, participants, path_project, sessions, threads,
};

/// All routes with what surrounds them. `more` are routes below `/v1` that are not resources.
pub(crate) fn router(edge: &Arc<Edge>, more: Router<Arc<Edge>>) -> Router {
    let routes = Router::new()
        .route("/metrics", get(metrics::get))
        .nest("/v1", resources().merge(more))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe));
    // A call has no page that must be let in: its socket was.
    let calls = Calls(routes.clone().with_state(Arc::clone(edge)));
    let routes = routes.layer(cors(edge)).with_state(Arc::clone(edge));
    // outside of the routes, which must see the path without its project
    Router::new()
        .fallback_service(routes)
        .layer(MapRequestLayer::new(move |request| {
            let mut request: Request = path_project::take(request);
            request.extensions_mut().insert(calls.clone());
            request
        }))
}

fn resources() -> Router<Arc<Edge>> {
    Router::new()
        .route("/health", get(health::get))
        .merge(account_routes())
        .merge(thread_routes())
}

fn account_routes() -> Router<Arc<Edge>> {
    Router::new()
        .route("/account", post(account::create).get(account::get))
        .route("/account/sessions/email", post(sessions::create_by_email))
        .route(
            "/account/sessions/{sessionId}",
            get(sessions::get).delete(sessions::delete),
        )
}

fn thread_routes() -> Router<Arc<Edge>> {
    let thread = patch(threads::update)
        .get(threads::get)
        .delete(threads::delete);
    let participant = put(participants::put).delete(participants::delete);
    Router::new()
        .route("/threads", post(threads::create).get(threads::list))
        .route("/threads/{threadId}", thread)
        .route(
            "/threads/{threadId}/permissions",
            put(threads::set_permissions),
        )
        .route("/threads/{threadId}/participants", get(participants::list))
        .route(
            "/threads/{threadId}/participants/{participantId}",
            participant,
        )
        .route(
            "/threads/{threadId}/items",
            post(items::post).get(items::list),
        )
        .route("/threads/{threadId}/items/{itemId}", get(items::get))
        .route(
            "/threads/{threadId}/items/{itemId}/deltas",
            post(open_items::append),
        )
        .route(
            "/threads/{threadId}/items/{itemId}/finish",
            post(open_items::finish),
        )
        .route(
            "/threads/{threadId}/items/{itemId}/abandon",
            post(open_items::abandon),
        )
}

/// Lets listed pages read answers, with their visitor's cookies.
fn cors(edge: &Arc<Edge>) -> CorsLayer {
    let origins = edge.origins.clone();
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let exposed = ["x-fallback-cookies", "x-everlog-request-id", "retry-after"];
    let exposed = exposed.map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            origins.lists(origin)
        }))
        .allow_credentials(true)
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(
            exposed
                .into_iter()
                .chain([CURSOR, OFFSET, REPLAYED])
                .collect::<Vec<_>>(),
        )
        .max_age(Duration::from_secs(600))
}
