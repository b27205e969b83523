//! `GET /v1/live`: the upgrade, and the socket after it. The socket is ours from then on, so that
//! everything that is due leaves in one write.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everlog_domain::access::Principal;
use futures_util::StreamExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::calls;
use super::inlet::{Inlet, MessageBound};
use super::past_texts::PastTexts;
use super::places::{Place, Places};
use super::protocol::MAX_MESSAGE_BYTES;
use super::results::{ProcessRoom, Room};
use super::session::{Peer, Session};
use super::transport::{Reading, Writing};
use crate::error::{ApiError, ErrorType};
use crate::http::{Calls, Edge, Visitor};
use crate::server;

/// Bytes that a socket reads at once.
const READ_BYTES: usize = 4 * 1024;
/// Bytes that are gathered before tungstenite writes by itself; the session flushes before that.
const WRITE_BYTES: usize = 128 * 1024;
/// Bytes of a message that the WebSocket takes at most; the inlet below it bounds it further.
const MOST_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// Opens a live socket.
pub(super) async fn open(
    State(edge): State<Arc<Edge>>,
    Extension(places): Extension<Places>,
    Extension(room): Extension<ProcessRoom>,
    Extension(texts): Extension<PastTexts>,
    visitor: Visitor,
    request: Request,
) -> Response {
    match prepare(&edge, &places, (room, texts), &visitor, request) {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

fn prepare(
    edge: &Arc<Edge>,
    places: &Places,
    (room, texts): (ProcessRoom, PastTexts),
    visitor: &Visitor,
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    edge.origins.check(&parts.uri, &parts.headers)?;
    let key = handshake_key(&parts)?;
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let upgrade = upgrade.ok_or_else(|| not_an_upgrade("this connection cannot be upgraded"))?;
    let project = visitor.caller().project;
    let place = places.take(project, edge.node.quotas(project)?.connections)?;
    // the connection's own, which is beyond the server's sight from the upgrade on
    let connection = parts.extensions.remove::<Arc<server::Place>>();
    let peer = peer(visitor, Room::new(room), texts, &parts, place)?;
    let edge = Arc::clone(edge);
    let tasks = edge.stopping.tasks.clone();
    tasks.spawn(async move {
        let _connection = connection;
        serve(edge, peer, upgrade).await;
    });
    Ok(switching(&key))
}

/// Checks the opening handshake (RFC 6455, 4.2.1) and gives the key to answer it with.
fn handshake_key(parts: &Parts) -> Result<HeaderValue, ApiError> {
    let headers = &parts.headers;
    if parts.method != Method::GET
        || !has_token(headers, header::CONNECTION, "upgrade")
        || !has_token(headers, header::UPGRADE, "websocket")
    {
        return Err(not_an_upgrade("expected GET with Upgrade: websocket"));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(not_an_upgrade("expected Sec-WebSocket-Version: 13"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    key.cloned()
        .ok_or_else(|| not_an_upgrade("expected Sec-WebSocket-Key"))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let lines = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let mut tokens = lines.flat_map(|line| line.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

fn not_an_upgrade(reason: &str) -> ApiError {
    ApiError::new(
        ErrorType::ArgumentInvalid,
        format!("/v1/live is a WebSocket: {reason}"),
    )
}

fn switching(key: &HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    // The key is base64 of a digest, which is a valid header always.
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Who is at the other end of a connection that a request opened.
pub(super) fn peer(
    visitor: &Visitor,
    room: Room,
    texts: PastTexts,
    parts: &Parts,
    place: Place,
) -> Result<Peer, ApiError> {
    let calls = parts.extensions.get::<Calls>().cloned();
    let calls =
        calls.ok_or_else(|| ApiError::internal("a request without the way into the routes"))?;
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().cloned();
    let credentials = Arc::clone(&visitor.credentials);
    let bound = MessageBound::of_guest();
    if visitor.caller().principal != Principal::Guest {
        bound.raise();
    }
    Ok(Peer {
        calls: calls::Caller::new(
            calls,
            room,
            Arc::clone(&credentials),
            address,
            &parts.headers,
        ),
        credentials,
        identity: Arc::clone(&visitor.identity),
        place,
        bound,
        texts,
    })
}

async fn serve(edge: Arc<Edge>, peer: Peer, upgrade: OnUpgrade) {
    let upgraded = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => {
            tracing::debug!(%error, "a live socket was given up before it was open");
            return;
        }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(WRITE_BYTES)
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES));
    let bound = peer.bound.clone();
    let inlet = Inlet::new(upgraded, bound.clone());
    let socket = WebSocketStream::from_raw_socket(inlet, Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    let session = Session::new(edge, peer, Reading { stream, bound }, Writing(sink));
    let ending = session.run().await;
    tracing::debug!(?ending, "a live socket ended");
}
