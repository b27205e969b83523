//! What every request handler knows.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use everlog_actors::Node;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::client_address::Addresses;
use super::identity::Identities;
use super::observe::{self, Traffic};
use super::origins::Origins;
use super::path_project;
use super::set_up::SetUp;
use super::wishes::WishCodec;
use crate::attempts::Attempts;
use crate::cursor::CursorCodec;
use crate::error::{ApiError, ErrorType};
use crate::passwords::PasswordPool;
use crate::request_id::RequestId;

/// What every request handler knows.
pub struct Edge {
    /// The actors.
    pub node: Node,
    /// Public cursors.
    pub cursors: CursorCodec,
    /// Names of wishes.
    pub wishes: WishCodec,
    /// Who asks.
    pub identities: Identities,
    /// Hashes passwords.
    pub passwords: PasswordPool,
    /// Limits tries.
    pub attempts: Attempts,
    /// Which web pages may call.
    pub origins: Origins,
    /// Proxies, and who may read metrics.
    pub addresses: Addresses,
    /// The first root user.
    pub set_up: SetUp,
    /// How connections that outlive a request learn of the stop.
    pub stopping: Stopping,
}

/// The stop, for connections that outlive a request.
#[derive(Debug, Clone, Default)]
pub struct Stopping {
    /// Cancelled when the server begins to stop.
    pub begun: CancellationToken,
    /// Tasks that the stop waits for.
    pub tasks: TaskTracker,
}

/// What an edge is made of.
pub struct EdgeParts {
    /// The actors.
    pub node: Node,
    /// The folder's secret, the same at every start: cursors are written and wishes are known by it.
    pub secret: Vec<u8>,
    /// Which web pages may call.
    pub origins: Origins,
    /// Proxies, and who may read metrics.
    pub addresses: Addresses,
    /// The first root user.
    pub set_up: SetUp,
}

impl Edge {
    /// Puts an edge together.
    pub fn new(parts: EdgeParts) -> Result<Arc<Self>, ApiError> {
        Ok(Arc::new(Self {
            node: parts.node,
            cursors: CursorCodec::new(&parts.secret),
            wishes: WishCodec::new(&parts.secret),
            identities: Identities::default(),
            passwords: PasswordPool::new()?,
            attempts: Attempts::default(),
            origins: parts.origins,
            addresses: parts.addresses,
            set_up: parts.set_up,
            stopping: Stopping::default(),
        }))
    }
}

/// The way into the routes: one for the requests of connections and for the calls on live sockets.
/// Every request of a connection has it as an extension, rather than the edge, which the routes own.
#[derive(Clone)]
pub struct Calls(Arc<Watched>);

/// The routes, and what is counted of them.
struct Watched {
    routes: Router,
    traffic: Traffic,
}

impl Calls {
    /// The way into some routes.
    pub(super) fn watched(routes: Router, traffic: Traffic) -> Self {
        Self(Arc::new(Watched { routes, traffic }))
    }

    /// The way into some routes, for tests of what comes that way.
    #[cfg(test)]
    pub(crate) fn new(routes: Router) -> Self {
        Self::watched(routes, Traffic::default())
    }

    /// Answers a request that came by a connection of its own.
    pub(super) async fn enter(&self, mut request: Request) -> Response {
        request.extensions_mut().insert(self.clone());
        let id = RequestId::new();
        let mut response = self.answer(id, request).await;
        observe::mark(&mut response, id);
        response
    }

    /// Answers a request as if it had come by HTTP. Its credentials may be given as an extension.
    pub fn call(&self, request: Request) -> impl Future<Output = Response> + Send + use<> {
        self.answer(RequestId::new(), request)
    }

    /// Routes at once: a future that held the request, and each one around it, would be moved about
    /// with it.
    fn answer(
        &self,
        id: RequestId,
        request: Request,
    ) -> impl Future<Output = Response> + Send + use<> {
        // the routes must see the path without its project
        let request = path_project::take(request);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = self.0.routes.clone().call(request);
        let calls = self.clone();
        async move {
            let answer = pin!(answer.map(|answer| answer.unwrap_or_else(|never| match never {})));
            let traffic = &calls.0.traffic;
            traffic.answer(id, &method, uri.path(), answer).await
        }
    }
}

/// The answer where there is no route.
pub(super) async fn no_route() -> Response {
    ApiError::new(ErrorType::RouteNotFound, "there is no such route").into_response()
}

/// The answer where there is a route, but not for this verb.
pub(super) async fn no_method() -> Response {
    ApiError::new(
        ErrorType::MethodNotAllowed,
        "this route does not know this verb",
    )
    .into_response()
}
