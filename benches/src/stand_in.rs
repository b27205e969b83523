//! A stand-in for the server in this crate's own tests: one thread in memory, nothing durable, just
//! enough of the protocol for the generator to be held to it.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

use crate::server::Target;

type Items = Arc<watch::Sender<Vec<Value>>>;

/// Serves WebSockets; posts are answered with `status`.
pub(crate) async fn serve_live(status: u16) -> Result<Target> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = target(&listener)?;
    let items: Items = Arc::new(watch::channel(Vec::new()).0);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, items.clone(), status));
        }
    });
    Ok(target)
}

/// Serves HTTP: every post is created with `$id` "t1", or answered with `status`.
pub(crate) async fn serve_http(status: StatusCode) -> Result<Target> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = target(&listener)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(move |request: hyper::Request<_>| async move {
                let _: &hyper::body::Incoming = request.body();
                let status = if request.method() == Method::POST {
                    status
                } else {
                    StatusCode::OK
                };
                let body = Full::new(Bytes::from_static(br#"{"$id":"t1"}"#));
                let mut response = Response::new(body);
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(target)
}

fn target(listener: &TcpListener) -> Result<Target> {
    let authority = listener.local_addr()?.to_string();
    Ok(Target {
        authority,
        base: "/v1".to_owned(),
        key: "key".to_owned(),
    })
}

/// A subscription of the one thread. Cursors are counts of items here.
struct Subscription {
    id: Value,
    sent: usize,
    cursor: Option<String>,
    caught_up: bool,
}

impl Subscription {
    fn of(frame: &Value) -> Self {
        let cursor = frame["from"].as_str().filter(|from| *from != "start");
        Self {
            id: frame["id"].clone(),
            sent: cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0),
            cursor: cursor.map(str::to_owned),
            caught_up: false,
        }
    }

    /// What follows, and once that the past has ended.
    async fn send_due(
        &mut self,
        socket: &mut WebSocketStream<TcpStream>,
        all: &[Value],
    ) -> Result<()> {
        for item in all.iter().skip(self.sent) {
            self.sent += 1;
            let link = self.link("event", item);
            socket.send(text_of(&link)).await?;
        }
        if !std::mem::replace(&mut self.caught_up, true) {
            let link = self.link("caughtUp", &Value::Null);
            socket.send(text_of(&link)).await?;
        }
        Ok(())
    }

    fn link(&mut self, kind: &str, event: &Value) -> Value {
        let cursor = self.sent.to_string();
        let prev = self.cursor.replace(cursor.clone());
        json!({ "type": kind, "id": self.id, "prev": prev, "cursor": cursor, "event": event })
    }
}

async fn talk(stream: TcpStream, items: Items, status: u16) -> Result<()> {
    let mut socket = accept_async(stream).await?;
    let mut news = items.subscribe();
    let mut subscriptions: Vec<Subscription> = Vec::new();
    loop {
        tokio::select! {
            frame = socket.next() => {
                let text = frame.context("closed")??.into_text()?;
                let frame: Value = serde_json::from_str(&text)?;
                if frame["type"] == "subscribe" {
                    let answer = json!({ "type": "subscribed", "id": frame["id"] });
                    socket.send(text_of(&answer)).await?;
                    subscriptions.push(Subscription::of(&frame));
                } else {
                    items.send_modify(|items| items.push(frame["body"].clone()));
                    let result = json!({ "type": "result", "id": frame["id"], "status": status });
                    socket.send(text_of(&result)).await?;
                }
            }
            changed = news.changed() => changed?,
        }
        let all = news.borrow_and_update().clone();
        for subscription in &mut subscriptions {
            subscription.send_due(&mut socket, &all).await?;
        }
    }
}

fn text_of(frame: &Value) -> Message {
    Message::text(frame.to_string())
}

mod tests {
    use std::time::Duration;

    use super::*;
    use crate::closed::{self, Window};
    use crate::follower::{Account, Follower};
    use crate::http::{Connection, ItemPoster};
    use crate::live::Buffers;
    use crate::pipeline::{self, Load, Until};

    fn load(first_number: u64, items: u64) -> Load {
        let threads = vec!["t1".to_owned()];
        Load {
            threads,
            first_number,
            in_flight: 16,
            until: Until::Sent(items),
        }
    }

    async fn follow(target: &Target, account: Account, items: u64) -> Result<Account> {
        let mut follower = Follower::subscribe(target, "t1", account, Buffers::Small).await?;
        follower.read_until(items).await?;
        Ok(follower.disconnect())
    }

    #[tokio::test]
    async fn a_refused_item_ends_the_pipeline() -> Result<()> {
        let target = serve_live(403).await?;
        let refused = pipeline::run_all(&target, vec![load(0, 5)]).await;
        let error = refused.map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("expected status 201, found"), "{error}");
        Ok(())
    }

    #[tokio::test]
    async fn a_refused_thread_says_the_status() -> Result<()> {
        let target = serve_http(StatusCode::FORBIDDEN).await?;
        let refused = Connection::open(&target).await?.create_thread("t").await;
        let expected = r#"POST /threads: expected 201 Created, found 403 Forbidden: {"$id":"t1"}"#;
        assert_eq!(refused.unwrap_err().to_string(), expected);
        Ok(())
    }

    #[tokio::test]
    async fn every_item_is_acknowledged_once_and_followers_miss_nothing_over_a_drop() -> Result<()>
    {
        let target = serve_live(201).await?;
        let seen = pipeline::run_all(&target, vec![load(0, 100)]).await?;
        assert_eq!((seen.acknowledged, seen.latencies.count()), (100, 100));
        let account = follow(&target, Account::default(), 100).await?;
        pipeline::run_all(&target, vec![load(100, 50)]).await?;
        let account = follow(&target, account, 150).await?;
        assert_eq!(
            (account.gaps(150), account.duplicates, account.breaks),
            (0, 0, 0)
        );
        Ok(())
    }

    #[tokio::test]
    async fn posters_over_http_are_counted() -> Result<()> {
        let target = serve_http(StatusCode::CREATED).await?;
        let thread = Connection::open(&target).await?.create_thread("t").await?;
        assert_eq!(thread, "t1");
        let posters = vec![ItemPoster::open(&target, thread).await?];
        let (seen, _) = closed::run(posters, Window::of(Duration::from_millis(50))).await?;
        assert_eq!(seen.acknowledged, seen.latencies.count());
        Ok(())
    }
}
