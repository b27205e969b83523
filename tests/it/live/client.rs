//! A client that trusts nothing: every frame is held against the schema, and every link against
//! the one before it.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::schema::{check_client_frame, check_server_frame};
use super::world::Server;

/// Far longer than anything takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that a pipe holds, unless a test says otherwise.
const PIPE_BYTES: usize = 256 * 1024;

/// A socket, and how far each subscription has got.
pub(super) struct Client {
    socket: WebSocketStream<DuplexStream>,
    /// The cursor of each subscription; `None` at the start.
    cursors: HashMap<String, Option<String>>,
}

/// How a socket closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) code: u16,
}

impl Client {
    /// Connects with a key and reads the greeting.
    pub(super) async fn with_key(server: &Server, key: &str) -> Self {
        let bearer = format!("Bearer {key}");
        Self::greeted(server, "/v1/live", &[("authorization", &bearer)]).await
    }

    /// Connects with a session in `one` and reads the greeting.
    pub(super) async fn with_session(server: &Server, session: &str) -> Self {
        let cookie = format!("a_session_one={session}");
        Self::greeted(server, "/v1/live?project=one", &[("cookie", &cookie)]).await
    }

    async fn greeted(server: &Server, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut client = Self::connect(server, path, headers, PIPE_BYTES)
            .await
            .unwrap();
        assert_eq!(client.next().await["type"], "connected");
        client
    }

    /// Connects; the error is the server's answer.
    pub(super) async fn connect(
        server: &Server,
        path: &str,
        headers: &[(&str, &str)],
        pipe_bytes: usize,
    ) -> Result<Self, Error> {
        let mut request = format!("ws://api.example.com{path}")
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let pipe = server.pipe(pipe_bytes);
        let (socket, _) = tokio_tungstenite::client_async(request, pipe).await?;
        Ok(Self {
            socket,
            cursors: HashMap::new(),
        })
    }

    /// Sends a frame of the schema.
    pub(super) async fn send(&mut self, frame: Value) {
        check_client_frame(&frame);
        self.send_raw(Message::text(frame.to_string())).await;
    }

    /// Sends anything.
    pub(super) async fn send_raw(&mut self, message: Message) {
        assert!(self.try_send_raw(message).await, "the server is gone");
    }

    /// Sends anything; whether the server took it.
    pub(super) async fn try_send_raw(&mut self, message: Message) -> bool {
        let sent = timeout(PATIENCE, self.socket.send(message)).await;
        sent.expect("the server reads or closes").is_ok()
    }

    /// Sends bytes past the WebSocket.
    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }

    /// Subscribes and reads on until the server has answered. `from` is null for a snapshot.
    pub(super) async fn subscribe(&mut self, id: &str, resource: &str, from: Value) -> Value {
        self.subscribe_with(id, resource, from, &[]).await
    }

    pub(super) async fn subscribe_with(
        &mut self,
        id: &str,
        resource: &str,
        from: Value,
        queries: &[Value],
    ) -> Value {
        let snapshot = from.is_null();
        self.ask_for(id, resource, from, queries).await;
        let answer = self.find(id, &["subscribed", "error"]).await;
        if snapshot && answer["type"] == "subscribed" {
            return self.find(id, &["snapshot"]).await;
        }
        answer
    }

    /// Sends a `subscribe` frame.
    pub(super) async fn ask_for(
        &mut self,
        id: &str,
        resource: &str,
        from: Value,
        queries: &[Value],
    ) {
        let queries: Vec<String> = queries.iter().map(Value::to_string).collect();
        let mut frame =
            json!({ "type": "subscribe", "id": id, "resource": resource, "queries": queries });
        let begin = from
            .as_str()
            .filter(|from| *from != "start")
            .map(str::to_owned);
        self.cursors.insert(id.to_owned(), begin);
        if !from.is_null() {
            frame["from"] = from;
        }
        self.send(frame).await;
    }

    /// Expects links of a subscription that is asked for in another way.
    pub(super) fn track(&mut self, id: &str) {
        self.cursors.insert(id.to_owned(), None);
    }

    /// The next frame.
    pub(super) async fn next(&mut self) -> Value {
        match self.receive().await {
            Ok(frame) => frame,
            Err(closed) => panic!("expected a frame, found the end: {closed:?}"),
        }
    }

    /// The next frame, or how the socket closed.
    pub(super) async fn receive(&mut self) -> Result<Value, Closed> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap();
                    self.account(&frame);
                    return Ok(frame);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(close))) => {
                    return Err(Closed {
                        code: close.map_or(1005, |close| close.code.into()),
                    });
                }
                Some(Ok(other)) => panic!("the server sends texts, not {other:?}"),
                // Cut without a goodbye.
                Some(Err(_)) | None => return Err(Closed { code: 1006 }),
            }
        }
    }

    /// Reads on to the end.
    pub(super) async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.receive().await {
                return closed;
            }
        }
    }

    /// Reads on to a frame of one of these types with this id.
    pub(super) async fn find(&mut self, id: &str, types: &[&str]) -> Value {
        loop {
            let frame = self.next().await;
            let found = frame["type"]
                .as_str()
                .is_some_and(|kind| types.contains(&kind));
            if found && frame["id"] == id {
                return frame;
            }
        }
    }

    /// Reads on to the link of a subscription that has this cursor; the links before it with it.
    pub(super) async fn links_until(&mut self, id: &str, cursor: &str) -> Vec<Value> {
        let mut links = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["id"] != id || frame.get("prev").is_none() {
                continue;
            }
            let last = frame["cursor"] == cursor;
            links.push(frame);
            if last {
                return links;
            }
        }
    }

    /// The links of a subscription up to `caughtUp`.
    pub(super) async fn past(&mut self, id: &str) -> Vec<Value> {
        let mut links = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["id"] != id {
                continue;
            }
            match frame["type"].as_str() {
                Some("caughtUp") => return links,
                Some("event" | "enter" | "leave") => links.push(frame),
                _ => {}
            }
        }
    }

    /// Waits until everything that was sent before is handled.
    pub(super) async fn settle(&mut self) -> Vec<Value> {
        self.send(json!({ "type": "ping", "id": "settle" })).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "pong" && frame["id"] == "settle" {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// How far a subscription has got.
    pub(super) fn cursor(&self, id: &str) -> Option<String> {
        self.cursors[id].clone()
    }

    fn account(&mut self, frame: &Value) {
        check_server_frame(frame);
        let Some(id) = frame["id"].as_str() else {
            return;
        };
        let cursor = || frame["cursor"].as_str().unwrap().to_owned();
        match frame["type"].as_str() {
            Some("snapshot") => drop(self.cursors.insert(id.to_owned(), Some(cursor()))),
            Some("event" | "enter" | "leave" | "caughtUp") => {
                let reached = self.cursors.insert(id.to_owned(), Some(cursor()));
                let reached = reached.unwrap_or_else(|| panic!("no subscription {id}: {frame}"));
                assert_eq!(
                    frame["prev"].as_str(),
                    reached.as_deref(),
                    "a gap before {frame}"
                );
            }
            _ => {}
        }
    }
}

/// What events say, in short: their type, and the text of their item or delta.
pub(super) fn told(links: &[Value]) -> Vec<String> {
    links.iter().map(tell).collect()
}

fn tell(link: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match link["type"].as_str() {
        Some("enter") => format!(
            "enter {}{}",
            text(&link["row"]["$id"]),
            text(&link["threadId"])
        ),
        Some("leave") => format!("leave {}{}", text(&link["rowId"]), text(&link["threadId"])),
        Some("event") => {
            let event = &link["event"];
            let content = [
                &event["item"]["parts"][0]["text"],
                &event["deltas"][0]["text"],
            ];
            let content = content
                .iter()
                .find_map(|text| text.as_str())
                .unwrap_or_default();
            format!("{} {content}", text(&event["type"]))
                .trim_end()
                .to_owned()
        }
        _ => text(&link["type"]),
    }
}
