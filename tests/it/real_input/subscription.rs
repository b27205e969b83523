//! One subscription as its client keeps it: what it is to, and the cursor that it has reached.

use serde_json::json;

#[derive(Debug)]
pub(super) struct Subscription {
    /// `None` for the items of the whole project.
    thread: Option<String>,
    /// Of the last link; `None` before the first.
    cursor: Option<String>,
    caught_up: bool,
}

/// A link's `prev` is not the cursor that the client holds: something was missed, or came again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) expected: Option<String>,
    pub(super) found: Option<String>,
}

impl Subscription {
    /// To all items of the project, from the first event on.
    pub(super) fn to_everything() -> Self {
        Self {
            thread: None,
            cursor: None,
            caught_up: false,
        }
    }

    /// To a thread's items, from the first event on.
    pub(super) fn to_thread(thread: String) -> Self {
        Self {
            thread: Some(thread),
            ..Self::to_everything()
        }
    }

    /// The frame that begins it, or goes on with it on another socket.
    pub(super) fn subscribe(&mut self, id: usize) -> String {
        self.caught_up = false;
        let resource = match &self.thread {
            Some(thread) => format!("threads/{thread}/items"),
            None => "items".to_owned(),
        };
        json!({
            "type": "subscribe",
            "id": id.to_string(),
            "resource": resource,
            "from": self.cursor.as_deref().unwrap_or("start"),
        })
        .to_string()
    }

    /// Whether the items of this thread are asked for.
    pub(super) fn covers(&self, thread: &str) -> bool {
        self.thread.as_deref().is_none_or(|own| own == thread)
    }

    /// Takes a link. One that does not fit leaves the cursor where it was.
    pub(super) fn advance(&mut self, prev: Option<&str>, cursor: &str) -> Result<(), Gap> {
        if self.cursor.as_deref() != prev {
            return Err(Gap {
                expected: self.cursor.clone(),
                found: prev.map(str::to_owned),
            });
        }
        self.cursor = Some(cursor.to_owned());
        Ok(())
    }

    /// Notes the end of the past; `false` if it had ended before on this socket.
    pub(super) fn catch_up(&mut self) -> bool {
        !std::mem::replace(&mut self.caught_up, true)
    }

    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up
    }
}
