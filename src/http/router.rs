//! The routes, and the way into them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, Method, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get, patch, post, put};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::answer::{CURSOR, OFFSET, REPLAYED};
use super::edge::{Calls, Edge, no_method, no_route};
use super::observe::Traffic;
use super::{
    account, branches, changed_items, fork, health, history, items, marks, mentions, metrics,
    open_items, participants, retention, sessions, thread_templates, threads, typing,
};

/// A pattern of paths, and what answers there to which method.
pub(crate) type Route = (&'static str, MethodRouter<Arc<Edge>>);

/// All routes with what surrounds them. `more` are routes that are not resources.
pub(crate) fn router(edge: &Arc<Edge>, more: impl IntoIterator<Item = Route>) -> Router {
    let mut traffic = Traffic::default();
    let mut routes = Router::new();
    for (pattern, methods) in resources().into_iter().chain(more) {
        traffic.watch(pattern);
        routes = routes.route(pattern, methods);
    }
    let routes = routes
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(Arc::clone(edge));
    let calls = Calls::watched(routes, traffic);
    let of_pages = of_pages(edge, calls.clone());
    Router::new().fallback(async move |request: Request| {
        // CORS concerns pages only, which their browsers name
        if is_of_a_page(&request) {
            let answer = of_pages.oneshot(request).await;
            answer.unwrap_or_else(|never| match never {})
        } else {
            calls.enter(request).await
        }
    })
}

fn is_of_a_page(request: &Request) -> bool {
    request.headers().contains_key(header::ORIGIN) || request.method() == Method::OPTIONS
}

/// The way in for pages.
fn of_pages(edge: &Edge, calls: Calls) -> BoxCloneSyncService<Request, Response, Infallible> {
    let enter = service_fn(move |request| {
        let calls = calls.clone();
        async move { Ok(calls.enter(request).await) }
    });
    BoxCloneSyncService::new(cors(edge).layer(enter))
}

fn resources() -> Vec<Route> {
    let account = post(account::create).get(account::get);
    let session = get(sessions::get).delete(sessions::delete);
    let threads = post(threads::create).get(threads::list);
    let thread = patch(threads::update)
        .get(threads::get)
        .delete(threads::delete);
    let participant = put(participants::put).delete(participants::delete);
    let items = post(items::post).get(items::list);
    vec![
        ("/metrics", get(metrics::get)),
        ("/v1/health", get(health::get)),
        ("/v1/account", account),
        (
            "/v1/account/sessions/email",
            post(sessions::create_by_email),
        ),
        ("/v1/account/sessions/{sessionId}", session),
        (
            "/v1/retention",
            get(retention::get)
                .put(retention::set)
                .delete(retention::remove),
        ),
        ("/v1/mentions", get(mentions::list)),
        ("/v1/threads", threads),
        (
            "/v1/thread-templates",
            post(thread_templates::create).get(thread_templates::list),
        ),
        (
            "/v1/thread-templates/{templateId}",
            put(thread_templates::update)
                .get(thread_templates::get)
                .delete(thread_templates::delete),
        ),
        ("/v1/threads/{threadId}", thread),
        (
            "/v1/threads/{threadId}/permissions",
            put(threads::set_permissions),
        ),
        (
            "/v1/threads/{threadId}/participants",
            get(participants::list),
        ),
        (
            "/v1/threads/{threadId}/participants/{participantId}",
            participant,
        ),
        (
            "/v1/threads/{threadId}/typing",
            put(typing::put).delete(typing::delete),
        ),
        ("/v1/threads/{threadId}/history", get(history::of_thread)),
        ("/v1/threads/{threadId}/items", items),
        (
            "/v1/threads/{threadId}/items/{itemId}",
            get(items::get)
                .patch(changed_items::edit)
                .delete(changed_items::delete),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/branches",
            get(branches::following),
        ),
        ("/v1/threads/{threadId}/branch", put(branches::switch)),
        ("/v1/threads/{threadId}/fork", post(fork::fork)),
        ("/v1/threads/{threadId}/receipt", put(marks::mark_read)),
        ("/v1/threads/{threadId}/receipts", get(marks::receipts)),
        ("/v1/threads/{threadId}/unread", get(marks::unread)),
        ("/v1/threads/{threadId}/pins", get(marks::pins)),
        (
            "/v1/threads/{threadId}/items/{itemId}/pin",
            put(marks::pin).delete(marks::unpin),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/reactions",
            get(marks::reactions),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/reactions/{reaction}",
            put(marks::react).delete(marks::unreact),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/history",
            get(history::of_item),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/deltas",
            post(open_items::append),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/finish",
            post(open_items::finish),
        ),
        (
            "/v1/threads/{threadId}/items/{itemId}/abandon",
            post(open_items::abandon),
        ),
    ]
}

/// Lets listed pages read answers, with their visitor's cookies.
fn cors(edge: &Edge) -> CorsLayer {
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
