//! A connection, from its first request to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::answers::{Answers, Asked, Outgoing};
use super::places::Place;
use super::traffic::Traffic;

/// How long a connection on which nothing moves may take to be closed in good order.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);

/// What the requests of a connection have in common.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    /// Shared with the live socket that the connection may become.
    pub(super) place: Arc<Place>,
    pub(super) answers: Arc<Answers>,
    pub(super) traffic: Arc<Traffic>,
}

impl Connection {
    /// Serves until the client leaves, nothing moves any more, or the server stops; a connection
    /// that becomes a live socket is out of our hands.
    pub(super) async fn serve(
        self,
        builder: &Builder<TokioExecutor>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        stopping: CancellationToken,
    ) {
        let traffic = Arc::clone(&self.traffic);
        let service = service_fn(move |request| self.clone().answer(request));
        let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut served = pin!(served);
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = stopping.cancelled() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
            () = traffic.still() => {
                served.as_mut().graceful_shutdown();
                timeout(GOODBYE_WITHIN, served).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Outgoing>, Infallible> {
        self.traffic.moves();
        let asked = match request.method().is_safe() {
            true => Asked::Read,
            false => Asked::Write,
        };
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(self.peer));
        extensions.insert(self.place);
        let response = self.router.oneshot(request).await?;
        self.traffic.moves();
        Ok(self.answers.admit(response, asked, &self.traffic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::places::Places;
    use crate::server::{builder, first_bytes::HTTP2_PREFACE};
    use axum::Extension;
    use axum::http::StatusCode;
    use axum::routing::get;
    use hyper::upgrade::OnUpgrade;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};
    use tokio_util::task::TaskTracker;

    /// Bytes of the large answer.
    const LARGE: usize = 1024 * 1024;
    /// Bytes that the kernel, so to speak, holds for either side.
    const PIPE: usize = 16 * 1024;

    struct World {
        places: Arc<Places>,
        answers: Arc<Answers>,
    }

    impl World {
        fn new() -> Self {
            Self {
                places: Places::new(1, Vec::new()),
                answers: Arc::new(Answers::new()),
            }
        }

        /// A client's end of a connection to these routes, and the connection's task.
        async fn connect(&self, router: Router) -> (DuplexStream, JoinHandle<()>) {
            let (client, stream) = duplex(PIPE);
            let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
            let free = self.places.free().await.unwrap();
            let connection = Connection {
                router,
                peer,
                place: Arc::new(self.places.give(free, peer.ip()).unwrap()),
                answers: Arc::clone(&self.answers),
                traffic: Arc::new(Traffic::new()),
            };
            let serving = tokio::spawn(async move {
                let stopping = CancellationToken::new();
                connection.serve(&builder(), stream, stopping).await;
            });
            (client, serving)
        }
    }

    fn large() -> Router {
        Router::new().route("/", get(|| async { vec![b'x'; LARGE] }))
    }

    async fn ask(client: &mut DuplexStream) {
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_its_connection() {
        let world = World::new();
        let (mut client, serving) = world.connect(large()).await;
        ask(&mut client).await;
        timeout(Duration::from_secs(100), serving)
            .await
            .unwrap()
            .unwrap();
        assert!(world.answers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_slowly_arrives() {
        let world = World::new();
        let (mut client, serving) = world.connect(large()).await;
        ask(&mut client).await;
        let (began, mut read) = (Instant::now(), 0);
        let mut some = vec![0; 64 * 1024];
        while let Ok(bytes @ 1..) = client.read_exact(&mut some).await.or(Ok::<_, ()>(0)) {
            read += bytes;
            sleep(Duration::from_secs(60)).await; // the clock is paused: this is the client's pace
        }
        assert!(read >= LARGE - some.len(), "{read} bytes");
        assert!(began.elapsed() > Duration::from_secs(900));
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_http2_connection_without_requests_ends_although_it_answers_pings() {
        let world = World::new();
        let (mut client, serving) = world.connect(large()).await;
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        client.write_all(HTTP2_PREFACE).await.unwrap();
        client.write_all(&settings).await.unwrap();
        let answers_pings = async {
            let mut head = [0; 9];
            while client.read_exact(&mut head).await.is_ok() {
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                client.read_exact(&mut payload).await.unwrap();
                // a ping that is no acknowledgement (RFC 9113, 6.7)
                if (head[3], head[4]) == (6, 0) {
                    head[4] = 1;
                    client
                        .write_all(&[&head[..], &payload].concat())
                        .await
                        .unwrap();
                }
            }
        };
        timeout(Duration::from_secs(3600), answers_pings)
            .await
            .unwrap();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_was_upgraded_keeps_its_place() {
        let world = World::new();
        let sockets = TaskTracker::new();
        let tracker = sockets.clone();
        let upgrade = move |place: Extension<Arc<Place>>, upgrade: Extension<OnUpgrade>| async move {
            tracker.spawn(async move {
                let _place = place;
                let mut socket = TokioIo::new(upgrade.0.await.unwrap());
                drop(socket.read_u8().await);
            });
            (
                StatusCode::SWITCHING_PROTOCOLS,
                [("upgrade", "x"), ("connection", "upgrade")],
            )
        };
        let (mut client, serving) = world.connect(Router::new().route("/", get(upgrade))).await;
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
        client.write_all(request).await.unwrap();
        serving.await.unwrap();
        assert!(!world.places.is_any_free());
        drop(client);
        sockets.close();
        sockets.wait().await;
        assert!(world.places.is_any_free());
    }
}
