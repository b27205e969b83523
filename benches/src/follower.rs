//! A subscriber that keeps account: every frame follows the one before, every item comes once.

use anyhow::{Context, Result};
use futures_util::SinkExt;
use hyper::body::Bytes;
use tokio_tungstenite::tungstenite::Message;

use crate::live::{self, Buffers, Frame, From, Kind, Resource, Socket};
use crate::server::Target;

/// What a subscriber has seen of its thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// The newest cursor; kept over a loss of the connection.
    cursor: Option<String>,
    /// How often each item came, by its number.
    times: Vec<u8>,
    /// Items seen, each once.
    pub(crate) items: u64,
    /// Items that came again.
    pub(crate) duplicates: u64,
    /// Frames whose `prev` was not the cursor before them.
    pub(crate) breaks: u64,
}

impl Account {
    /// Enters a frame.
    pub(crate) fn enter(&mut self, frame: &Frame<'_>) {
        if !frame.kind.is_link() {
            return;
        }
        if frame.prev != self.cursor.as_deref() {
            self.breaks += 1;
        }
        if let Some(cursor) = frame.cursor {
            let kept = self.cursor.get_or_insert_default();
            kept.clear();
            kept.push_str(cursor);
        }
        if let Some(number) = frame.number {
            self.count(number);
        }
    }

    /// Where it goes on.
    pub(crate) fn from(&self) -> From<'_> {
        self.cursor.as_deref().map_or(From::Start, From::Cursor)
    }

    /// Whether the item with this number has come.
    pub(crate) fn has(&self, number: u64) -> bool {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        self.times.get(place).is_some_and(|times| *times > 0)
    }

    /// Items of `0..expected` that never came.
    pub(crate) fn gaps(&self, expected: u64) -> u64 {
        expected.saturating_sub(self.items)
    }

    /// Counts an item that came by itself.
    pub(crate) fn count(&mut self, number: u64) {
        let Ok(place) = usize::try_from(number) else {
            return;
        };
        if self.times.len() <= place {
            self.times.resize(place + 1, 0);
        }
        let Some(times) = self.times.get_mut(place) else {
            return;
        };
        *times = times.saturating_add(1);
        if *times == 1 {
            self.items += 1;
        } else {
            self.duplicates += 1;
        }
    }
}

/// A subscriber with its connection.
#[derive(Debug)]
pub(crate) struct Follower {
    socket: Socket,
    account: Account,
}

impl Follower {
    /// Connects and subscribes to a thread: after the account's cursor, or from the start.
    pub(crate) async fn subscribe(
        target: &Target,
        thread: &str,
        account: Account,
        buffers: Buffers,
    ) -> Result<Self> {
        let mut socket = live::connect(target, buffers).await?;
        let subscription = live::subscription("s1", Resource::Thread(thread), account.from());
        socket.send(subscription).await.context("subscribing")?;
        loop {
            let text = live::next_text(&mut socket).await?;
            if Frame::parse(&text)?.kind == Kind::Subscribed {
                return Ok(Self { socket, account });
            }
        }
    }

    /// A reader of a socket that was never subscribed: the bare loop's.
    pub(crate) fn reading(socket: Socket) -> Self {
        Self {
            socket,
            account: Account::default(),
        }
    }

    /// Reads until so many items have come, each once.
    pub(crate) async fn read_until(&mut self, items: u64) -> Result<()> {
        while self.account.items < items {
            let text = live::next_text(&mut self.socket)
                .await
                .with_context(|| format!("after {} of {items} items", self.account.items))?;
            self.account.enter(&Frame::parse(&text)?);
        }
        Ok(())
    }

    /// Reads until the next item comes; its number.
    pub(crate) async fn read_number(&mut self) -> Result<u64> {
        loop {
            let text = live::next_text(&mut self.socket).await?;
            let frame = Frame::parse(&text)?;
            self.account.enter(&frame);
            if let Some(number) = frame.number {
                return Ok(number);
            }
        }
    }

    /// The same as `read_until`, keeping the text of each frame that brings an item.
    pub(crate) async fn read_keeping(&mut self, items: u64) -> Result<Vec<String>> {
        let mut kept = Vec::new();
        while self.account.items < items {
            let text = live::next_text(&mut self.socket).await?;
            let before = self.account.items;
            self.account.enter(&Frame::parse(&text)?);
            if self.account.items > before {
                kept.push(text.as_str().to_owned());
            }
        }
        Ok(kept)
    }

    /// Sends a sign of life that asks for no answer (RFC 6455, 5.5.3), without reading anything.
    pub(crate) async fn keep_alive(&mut self) -> Result<()> {
        self.socket
            .send(Message::Pong(Bytes::new()))
            .await
            .context("a sign of life")
    }

    /// Drops the connection without a word and keeps the account.
    pub(crate) fn disconnect(self) -> Account {
        self.account
    }

    /// What it has seen.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item;

    fn event(prev: Option<&str>, cursor: &str, number: u64) -> String {
        let prev = serde_json::json!(prev);
        let body = item::body(number);
        format!(r#"{{"type":"event","id":"s1","prev":{prev},"cursor":"{cursor}","event":{body}}}"#)
    }

    fn account_of(frames: &[String]) -> Result<Account> {
        let mut account = Account::default();
        for text in frames {
            account.enter(&Frame::parse(text)?);
        }
        Ok(account)
    }

    #[test]
    fn gaps_duplicates_and_breaks_are_told_apart() -> Result<()> {
        // frames, then items, gaps of 3, duplicates, breaks
        let a = event(None, "a", 0);
        let b = event(Some("a"), "b", 1);
        let c = event(Some("b"), "c", 2);
        let caught_up = r#"{"type":"caughtUp","id":"s1","prev":"a","cursor":"z"}"#.to_owned();
        let table = [
            (vec![a.clone(), b.clone(), c.clone()], (3, 0, 0, 0)),
            (vec![a.clone(), c.clone()], (2, 1, 0, 1)),
            (vec![a.clone(), b.clone(), b, c], (3, 0, 1, 1)),
            (vec![a.clone(), caught_up.clone()], (1, 2, 0, 0)),
            (vec![a, caught_up, event(Some("z"), "b", 1)], (2, 1, 0, 0)),
        ];
        for (frames, expected) in table {
            let seen = account_of(&frames)?;
            let found = (seen.items, seen.gaps(3), seen.duplicates, seen.breaks);
            assert_eq!(found, expected, "{frames:?}");
        }
        Ok(())
    }
}
