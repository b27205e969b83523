//! The client's half of `/v1/live`: sockets, the frames sent, and what is read of those received.

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::item;
use crate::server::Target;

/// A connected socket.
pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Bytes a socket of thousands may read ahead.
const SMALL_BUFFER_BYTES: usize = 4 << 10;

/// How much a socket reads ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buffers {
    /// One of few sockets: large buffers.
    Large,
    /// One of thousands: small buffers here, the kernel's as usual.
    Small,
    /// One that will stall: the kernel may keep this many bytes for it.
    Kernel(u32),
}

impl Buffers {
    /// The WebSocket layer's configuration.
    pub(crate) fn config(self) -> WebSocketConfig {
        match self {
            Self::Large => WebSocketConfig::default(),
            Self::Small | Self::Kernel(_) => {
                WebSocketConfig::default().read_buffer_size(SMALL_BUFFER_BYTES)
            }
        }
    }
}

/// Connects and shakes hands.
pub(crate) async fn connect(target: &Target, buffers: Buffers) -> Result<Socket> {
    let socket = TcpSocket::new_v4()?;
    if let Buffers::Kernel(bytes) = buffers {
        socket.set_recv_buffer_size(bytes)?;
    }
    let address = target.authority.parse().context("the server's address")?;
    let stream = socket.connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{}{}/live", target.authority, target.base);
    let mut request = url.into_client_request()?;
    let authorization = HeaderValue::from_str(&format!("Bearer {}", target.key))?;
    request.headers_mut().insert(AUTHORIZATION, authorization);
    let (socket, _) = client_async_with_config(request, stream, Some(buffers.config()))
        .await
        .context("the WebSocket handshake")?;
    Ok(socket)
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From<'a> {
    /// With the first item.
    Start,
    /// After this cursor.
    Cursor(&'a str),
}

/// What is subscribed to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    /// The items of a thread.
    Thread(&'a str),
    /// Those of all threads.
    AllItems,
}

/// The frame that asks for items; `id` comes back with each of them.
pub(crate) fn subscription(id: &str, resource: Resource<'_>, from: From<'_>) -> Message {
    let resource = match resource {
        Resource::Thread(thread) => format!("threads/{thread}/items"),
        Resource::AllItems => "items".to_owned(),
    };
    let mut frame = serde_json::json!({ "type": "subscribe", "id": id, "resource": resource });
    match from {
        From::Start => frame["from"] = "start".into(),
        From::Cursor(cursor) => frame["from"] = cursor.into(),
    }
    Message::text(frame.to_string())
}

/// The frame that posts an item; `slot` comes back as the id of its result.
pub(crate) fn call(base: &str, thread: &str, slot: usize, number: u64) -> Message {
    let body = item::body(number);
    Message::text(format!(
        r#"{{"type":"call","id":"{slot}","method":"POST","path":"{base}/threads/{thread}/items","body":{body}}}"#
    ))
}

/// What this program reads of a server's frame.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// The subscription's or the call's.
    #[serde(borrow)]
    pub(crate) id: Option<&'a str>,
    /// The cursor before this one in this subscription.
    pub(crate) prev: Option<&'a str>,
    pub(crate) cursor: Option<&'a str>,
    /// Of a result.
    pub(crate) status: Option<u16>,
    /// The number of the item that it brings.
    #[serde(skip)]
    pub(crate) number: Option<u64>,
}

/// The frames of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Subscribed,
    Event,
    Enter,
    Leave,
    CaughtUp,
    Result,
    Error,
    /// Frames without a meaning here.
    #[serde(other)]
    Other,
}

impl Kind {
    /// Whether it is a link of its subscription: its `prev` is the cursor of the one before.
    pub(crate) fn is_link(self) -> bool {
        matches!(
            self,
            Self::Event | Self::Enter | Self::Leave | Self::CaughtUp
        )
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame; an error of the server's is an error here.
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        let mut frame: Self = serde_json::from_str(text).with_context(|| excerpt(text))?;
        match frame.kind {
            Kind::Error => bail!("the server answered {}", excerpt(text)),
            Kind::Event => frame.number = item::number_in(text),
            _ => {}
        }
        Ok(frame)
    }
}

/// The next text frame; the end of the connection is an error.
pub(crate) async fn next_text(socket: &mut Socket) -> Result<Utf8Bytes> {
    loop {
        match socket
            .next()
            .await
            .context("the server closed the connection")??
        {
            Message::Text(text) => return Ok(text),
            Message::Close(frame) => bail!("the server closed the socket: {frame:?}"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// As much of a text as an error needs.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_far_as_needed() -> Result<()> {
        let text = format!(
            r#"{{"type":"event","id":"s1","prev":null,"cursor":"c1","event":{}}}"#,
            item::body(42)
        );
        let frame = Frame::parse(&text)?;
        assert_eq!(frame.kind, Kind::Event);
        assert_eq!((frame.prev, frame.cursor), (None, Some("c1")));
        assert_eq!(frame.number, Some(42));
        let result = Frame::parse(r#"{"type":"result","id":"7","status":201,"body":{}}"#)?;
        assert_eq!(
            (result.kind, result.id, result.status),
            (Kind::Result, Some("7"), Some(201))
        );
        assert_eq!(Frame::parse(r#"{"type":"pong"}"#)?.kind, Kind::Other);
        Ok(())
    }

    #[test]
    fn an_error_of_the_server_is_an_error() {
        let table = [
            r#"{"type":"error","message":"no such thread"}"#,
            "[]",
            "not JSON",
        ];
        for text in table {
            assert!(Frame::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_call_is_a_frame_of_json() -> Result<()> {
        let message = call("/v1", "t1", 3, 9);
        let value: serde_json::Value = serde_json::from_str(message.to_text()?)?;
        assert_eq!(value["path"], "/v1/threads/t1/items");
        assert_eq!(value["id"], "3");
        Ok(())
    }
}
