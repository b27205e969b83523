//! The listener: connections with limits, and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower::util::MapRequest;

use crate::http::Stopping;

/// How long a connection may take for a request's head, and lie idle between requests.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// Bytes of a request's head: its line, its query and its headers.
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// Headers of a request.
const MAX_HEADERS: usize = 100;
/// Requests at once on an HTTP/2 connection: each may keep an answer until the client reads it.
const MAX_STREAMS: u32 = 32;
/// How long a connection may take to say which protocol it speaks.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(10);
/// What an HTTP/2 connection begins with (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How soon a preface that is not whole is looked at again.
const PREFACE_AGAIN: Duration = Duration::from_millis(20);
/// How long a stop waits for requests and sockets.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long accepting rests where the process has no file descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves connections until `stop` resolves, then lets requests and sockets end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    stopping: &Stopping,
    max_connections: usize,
    stop: impl Future<Output = ()>,
) {
    let builder = Arc::new(builder());
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(max_connections));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // a connection beyond the limit waits in the kernel's queue
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
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
        let service = MapRequest::new(router.clone(), with_peer(peer));
        let service = TowerToHyperService::new(service);
        let (builder, watcher) = (Arc::clone(&builder), connections.watcher());
        let begun = stopping.begun.clone();
        tokio::spawn(async move {
            let _place = place;
            let _count = Counted::new();
            let speaks = tokio::select! {
                speaks = speaks(&stream) => speaks,
                () = begun.cancelled() => false,
            };
            if !speaks {
                return;
            }
            let io = TokioIo::new(undelayed(stream));
            let connection = builder.serve_connection_with_upgrades(io, service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    drain(stopping, connections).await;
}

/// Whether the client says in time which protocol it speaks: the limits of the protocols begin
/// after that, and a place must not be had for a bare connect.
async fn speaks(stream: &TcpStream) -> bool {
    let mut beginning = [0; HTTP2_PREFACE.len()];
    let told = async {
        loop {
            match stream.peek(&mut beginning).await {
                Ok(0) | Err(_) => return false,
                Ok(read)
                    if read < HTTP2_PREFACE.len()
                        && HTTP2_PREFACE.starts_with(&beginning[..read]) =>
                {
                    // what is there stays readable, so that nothing wakes for more
                    sleep(PREFACE_AGAIN).await;
                }
                Ok(_) => return true,
            }
        }
    };
    timeout(FIRST_BYTES_WITHIN, told).await.unwrap_or(false)
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(HEAD_WITHIN);
    builder
}

fn with_peer<B>(peer: SocketAddr) -> impl FnMut(Request<B>) -> Request<B> + Clone {
    move |mut request| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    }
}

/// Answers are whole when they are written: waiting for more to send would only delay them.
fn undelayed(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    stream
}

async fn drain(stopping: &Stopping, connections: GracefulShutdown) {
    stopping.begun.cancel();
    stopping.tasks.close();
    let ended = async {
        connections.shutdown().await;
        stopping.tasks.wait().await;
    };
    if timeout(DRAIN_WITHIN, ended).await.is_err() {
        tracing::warn!("connections that did not end in time are cut");
    }
}

/// Counts a connection while it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("everlog_connections").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("everlog_connections").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn spoken(beginning: &[u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(beginning).await.unwrap();
        if !beginning.is_empty() {
            stream.readable().await.unwrap();
        }
        tokio::time::pause(); // the limit passes at once where nothing comes
        let speaks = speaks(&stream).await;
        tokio::time::resume();
        drop(client);
        speaks
    }

    #[tokio::test]
    async fn who_does_not_say_what_it_speaks_gets_no_place() {
        for beginning in [&b""[..], b"PRI", b"PRI * HTTP/2.0"] {
            assert!(!spoken(beginning).await, "{beginning:?}");
        }
        for beginning in [&b"G"[..], b"GET / HTTP/1.1", b"PUT", HTTP2_PREFACE] {
            assert!(spoken(beginning).await, "{beginning:?}");
        }
    }
}
