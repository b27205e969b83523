//! Answers without an end, read piece by piece: server-sent events and lines.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::timeout;

/// Far longer than anything takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) id: Option<String>,
    pub(crate) event: String,
    pub(crate) data: Value,
}

/// The body of an answer.
pub(crate) struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    /// Of an answer that was granted.
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        Self {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// Reads on; whether there was anything.
    async fn more(&mut self) -> bool {
        let frame = timeout(PATIENCE, self.body.frame()).await;
        let Some(frame) = frame.expect("something in time") else {
            return false;
        };
        let data = frame.unwrap().into_data().unwrap();
        self.text.push_str(std::str::from_utf8(&data).unwrap());
        true
    }

    /// All up to a separator, which is taken away; nothing at the end.
    async fn until(&mut self, separator: &str) -> Option<String> {
        loop {
            if let Some((found, rest)) = self.text.split_once(separator) {
                let found = found.to_owned();
                self.text = rest.to_owned();
                return Some(found);
            }
            if !self.more().await {
                assert_eq!(self.text, "", "it ends in the middle");
                return None;
            }
        }
    }

    /// The next event; nothing at the end. Comments are passed over.
    pub(crate) async fn event(&mut self) -> Option<Sent> {
        loop {
            let block = self.until("\n\n").await?;
            if let Some(sent) = parse(&block) {
                return Some(sent);
            }
        }
    }

    /// So many events.
    pub(crate) async fn events(&mut self, count: usize) -> Vec<Sent> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.event().await.expect("another event"));
        }
        events
    }

    /// The events up to the end.
    pub(crate) async fn rest(&mut self) -> Vec<Sent> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }

    /// The next line that is not empty; nothing at the end.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        loop {
            let line = self.until("\n").await?;
            if !line.is_empty() {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }
}

/// An event from its lines; nothing if they bring none.
pub(crate) fn parse(block: &str) -> Option<Sent> {
    let (mut id, mut event, mut data) = (None, "message".to_owned(), None);
    for line in block.lines().filter(|line| !line.starts_with(':')) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => id = Some(value.to_owned()),
            "event" => value.clone_into(&mut event),
            "data" => data = Some(serde_json::from_str(value).unwrap()),
            other => panic!("no field of an event: {other:?}"),
        }
    }
    data.map(|data| Sent { id, event, data })
}
