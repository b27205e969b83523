//! What every request handler knows.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use everlog_actors::Node;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::client_address::Addresses;
use super::identity::Identities;
use super::origins::Origins;
use super::set_up::SetUp;
use super::wishes::WishCodec;
use crate::attempts::Attempts;
use crate::cursor::CursorCodec;
use crate::error::{ApiError, ErrorType};
use crate::passwords::PasswordPool;

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

/// The way into the routes for requests that come by another way than a connection of their own:
/// calls on a live socket. Every request has it as an extension, rather than the edge, which the
/// routes own.
#[derive(Clone)]
pub struct Calls(pub(super) Router);

impl Calls {
    /// The way into some routes, for tests of what comes that way.
    #[cfg(test)]
    pub(crate) const fn new(routes: Router) -> Self {
        Self(routes)
    }

    /// Answers a request as if it had come by HTTP. Its credentials may be given as an extension.
    pub async fn call(&self, request: Request) -> Response {
        match self
            .0
            .clone()
            .oneshot(super::path_project::take(request))
            .await
        {
            Ok(response) => response,
            Err(never) => match never {},
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
