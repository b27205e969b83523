//! Importers: each takes a dialogue after the other, makes its thread, and posts its turns in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::backoff::Backoff;
use super::calls::Calls;
use super::dialogues::Dialogue;
use super::ledger::{Acknowledgement, Ledger};
use super::lives::Lives;
use crate::crash::client::{Client, Unacknowledged};

/// What all importers share.
pub(super) struct Import {
    pub(super) dialogues: Vec<Dialogue>,
    pub(super) lives: Lives,
    /// How many threads and items were acknowledged.
    pub(super) acknowledged: watch::Sender<usize>,
    /// Who is told of a thread when it is there: that of dialogue `n` goes to the watcher `n` modulo their number.
    pub(super) watchers: Vec<mpsc::UnboundedSender<String>>,
    ledger: Mutex<Ledger>,
    next: AtomicUsize,
}

/// How an importer's writes travel.
pub(super) enum Way {
    Http(Client),
    Calls(Calls),
}

pub(super) struct Importer {
    pub(super) way: Way,
    pub(super) backoff: Backoff,
}

impl Import {
    pub(super) fn new(
        dialogues: Vec<Dialogue>,
        watchers: Vec<mpsc::UnboundedSender<String>>,
    ) -> Self {
        Self {
            lives: Lives::default(),
            acknowledged: watch::Sender::new(0),
            watchers,
            ledger: Mutex::new(Ledger::new(dialogues.len())),
            next: AtomicUsize::new(0),
            dialogues,
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger
            .lock()
            .expect("no importer panics with the ledger in its hands")
    }

    fn thread_made(&self, dialogue: usize) {
        self.ledger().thread_made(dialogue);
        self.acknowledged.send_modify(|count| *count += 1);
        let watcher = &self.watchers[dialogue % self.watchers.len()];
        let thread = self.dialogues[dialogue].id.clone();
        watcher.send(thread).expect("a watcher watches to the end");
    }

    fn item_posted(&self, dialogue: usize, acknowledgement: Acknowledgement) {
        self.ledger().item_posted(dialogue, acknowledgement);
        self.acknowledged.send_modify(|count| *count += 1);
    }
}

impl Importer {
    /// Until no dialogue is left.
    pub(super) async fn run(mut self, import: &Import) {
        loop {
            let number = import.next.fetch_add(1, Ordering::Relaxed);
            let Some(dialogue) = import.dialogues.get(number) else {
                return;
            };
            self.import(import, number, dialogue).await;
        }
    }

    async fn import(&mut self, import: &Import, number: usize, dialogue: &Dialogue) {
        let Dialogue { id, turns } = dialogue;
        let thread = json!({ "threadId": id, "name": id });
        self.write(import, "/threads", &format!("thread-{id}"), &thread)
            .await;
        import.thread_made(number);
        let path = format!("/threads/{id}/items");
        for (place, turn) in turns.iter().enumerate() {
            let item = json!({
                "itemId": "unique()",
                "role": turn.role,
                "parts": [{ "type": "text", "text": turn.text }],
            });
            let key = format!("item-{id}-{place}");
            let acknowledgement = self.write(import, &path, &key, &item).await;
            import.item_posted(number, acknowledgement);
        }
    }

    /// Asks under the same key until it is acknowledged.
    async fn write(
        &mut self,
        import: &Import,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Acknowledgement {
        loop {
            let sent = import.lives.now();
            match self.way.post(path, key, body).await {
                Ok(acknowledgement) => {
                    self.backoff.reset();
                    return acknowledgement;
                }
                Err(Unacknowledged::Unknown) => import.lives.broke(sent),
                Err(Unacknowledged::Busy) => {}
                Err(Unacknowledged::Refused(status, body)) => {
                    panic!("{key} was refused with {status}: {body}")
                }
            }
            self.backoff.wait().await;
        }
    }
}

impl Way {
    async fn post(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Acknowledgement, Unacknowledged> {
        match self {
            Self::Http(client) => {
                let answer = client.post(path, key, body).await?;
                Ok(Acknowledgement {
                    id: answer.id,
                    offset: Some(answer.offset),
                })
            }
            Self::Calls(calls) => calls.post(path, key, body).await,
        }
    }
}
