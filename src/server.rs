//! The listener: connections with limits, and their end.

mod answers;
mod connection;
mod first_bytes;
mod places;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::http::Stopping;
use answers::Answers;
use connection::Connection;
pub(crate) use places::{Place, Places};
use traffic::{STILL_WITHIN, Traffic};

/// Bytes of a request's head: its line, its query and its headers.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// Headers of a request.
const MAX_HEADERS: usize = 100;
/// Requests at once on an HTTP/2 connection: each may keep an answer until the client reads it.
const MAX_STREAMS: u32 = 32;
/// How long a stop waits for requests and sockets.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long accepting rests where the process has no file descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves connections until `stop` resolves, then lets requests and sockets end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stopping: &Stopping,
    places: &Arc<Places>,
    stop: impl Future<Output = ()>,
) {
    let builder = Arc::new(builder());
    let answers = Arc::new(Answers::new());
    let connections = TaskTracker::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // a connection beyond the limit waits in the kernel's queue
            let free = places.free().await;
            (free, listener.accept().await)
        };
        let (free, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let Some(place) = free.and_then(|free| places.give(free, peer.ip())) else {
            metrics::counter!("everlog_connections_refused_total").increment(1);
            continue;
        };
        let connection = Connection {
            router: router.clone(),
            peer,
            place: Arc::new(place),
            answers: Arc::clone(&answers),
            traffic: Arc::new(Traffic::new()),
        };
        let (builder, begun) = (Arc::clone(&builder), stopping.begun.clone());
        connections.spawn(async move {
            let speaks = tokio::select! {
                speaks = first_bytes::speaks(&stream) => speaks,
                () = begun.cancelled() => false,
            };
            if speaks {
                connection.serve(&builder, undelayed(stream), begun).await;
            }
        });
    }
    drop(listener);
    drain(stopping, &connections).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(STILL_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(64 * 1024);
    builder
}

/// Answers are whole when they are written: waiting for more to send would only delay them.
fn undelayed(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    stream
}

async fn drain(stopping: &Stopping, connections: &TaskTracker) {
    stopping.begun.cancel();
    connections.close();
    stopping.tasks.close();
    let ended = async {
        connections.wait().await;
        stopping.tasks.wait().await;
    };
    if timeout(DRAIN_WITHIN, ended).await.is_err() {
        tracing::warn!("connections that did not end in time are cut");
    }
}
