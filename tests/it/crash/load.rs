//! Writers that post until the server is gone, and that go on where they were when it is back.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use proptest::prelude::RngExt;
use proptest::test_runner::TestRng;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::{Client, Unacknowledged};
use super::fate::random;
use super::ledger::{Ledger, Write, WriteId};
use super::recording::TraceLength;

const WRITERS: usize = 8;
const THREADS: usize = 5;

/// How much is written, and how much of it is large, from 0 to 1: of 10 to 60 KB, which the log stores in fragments. The
/// rest is short.
#[derive(Clone, Copy)]
pub(super) struct Amount {
    pub(super) writes: usize,
    pub(super) large: f64,
}

/// A load whose writes a seed decides. One request a writer is on its way at a time.
pub(super) struct Load {
    ledger: Arc<Mutex<Ledger>>,
    writers: Vec<Writer>,
    acknowledged: watch::Sender<usize>,
}

struct Writer {
    name: String,
    random: TestRng,
    written: u64,
    large: f64,
    /// What the last server did not acknowledge: asked again, under the same key, before anything new.
    unacknowledged: Option<WriteId>,
}

impl Load {
    /// For the share of large texts see [`Amount`].
    pub(super) fn new(seed: u64, large: f64) -> Self {
        Self::continuing(Ledger::default(), seed, large, "w")
    }

    /// Goes on with a ledger from before a power failure. What was not acknowledged then is not asked again: it may be
    /// there or not. The prefix keeps the new writers' keys apart from the old ones'.
    pub(super) fn continuing(ledger: Ledger, seed: u64, large: f64, prefix: &str) -> Self {
        let writer = |number| Writer {
            name: format!("{prefix}{number}"),
            random: random(seed.wrapping_mul(1000).wrapping_add(number as u64)),
            written: 0,
            large,
            unacknowledged: None,
        };
        let acknowledged = watch::Sender::new(ledger.acknowledged());
        Self {
            ledger: Arc::new(Mutex::new(ledger)),
            writers: (0..WRITERS).map(writer).collect(),
            acknowledged,
        }
    }

    pub(super) fn threads() -> impl Iterator<Item = String> {
        (0..THREADS).map(|number| format!("thread-{number}"))
    }

    /// Lets all writers post until `more` further writes were acknowledged, then calls `end`, with the others still on their
    /// way; it takes the server away. Comes back when every writer has noticed.
    pub(super) async fn run<F: Future<Output = ()>>(
        &mut self,
        client: &Client,
        trace: &TraceLength,
        more: usize,
        end: impl FnOnce() -> F,
    ) {
        create_threads(client).await;
        let mut count = self.acknowledged.subscribe();
        let target = *count.borrow() + more;
        let mut running = JoinSet::new();
        for mut writer in self.writers.drain(..) {
            let (client, trace) = (client.clone(), trace.clone());
            let (ledger, acknowledged) = (self.ledger.clone(), self.acknowledged.clone());
            running.spawn(async move {
                while writer.write(&client, &ledger, &trace).await {
                    acknowledged.send_modify(|count| *count += 1);
                }
                writer
            });
        }
        count
            .wait_for(|count| *count >= target)
            .await
            .expect("the load itself counts");
        end().await;
        self.writers = running.join_all().await;
    }

    /// Asks once more for all that was left unacknowledged.
    pub(super) async fn settle(&mut self, client: &Client) {
        create_threads(client).await;
        for writer in &mut self.writers {
            while writer.unacknowledged.is_some() {
                assert!(
                    writer
                        .write(client, &self.ledger, &TraceLength::unrecorded())
                        .await,
                    "a living server acknowledges"
                );
            }
        }
    }

    pub(super) fn ledger(&self) -> Ledger {
        locked(&self.ledger).clone()
    }
}

/// The same key each time: a thread that is there already is answered as if it were new.
async fn create_threads(client: &Client) {
    for thread in Load::threads() {
        let created = client
            .create_thread(&thread, &format!("create-{thread}"))
            .await;
        created.unwrap_or_else(|error| panic!("a living server makes {thread}: {error:?}"));
    }
}

fn locked(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger
        .lock()
        .expect("no writer panics with the ledger in its hands")
}

impl Writer {
    /// One write, and whether it was acknowledged; if not, the server is gone.
    async fn write(
        &mut self,
        client: &Client,
        ledger: &Mutex<Ledger>,
        trace: &TraceLength,
    ) -> bool {
        let id = match self.unacknowledged.take() {
            Some(id) => id,
            None => {
                let write = self.next_write();
                locked(ledger).begin(write)
            }
        };
        let write = locked(ledger).write(id);
        loop {
            match client
                .post_item(
                    &write.thread,
                    &write.idempotency_key,
                    &write.wanted_id,
                    &write.text,
                )
                .await
            {
                Ok(answer) => {
                    let chosen = write.wanted_id == "unique()" || write.wanted_id == answer.id;
                    assert!(
                        chosen,
                        "asked for item {}, got {}",
                        write.wanted_id, answer.id
                    );
                    locked(ledger).acknowledge(id, answer.id, answer.offset, trace.now());
                    return true;
                }
                Err(Unacknowledged::Unknown) => {
                    self.unacknowledged = Some(id);
                    return false;
                }
                // the server asked for a pause
                Err(Unacknowledged::Busy) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(Unacknowledged::Refused(status, body)) => {
                    panic!(
                        "the write {} was refused with {status}: {body}",
                        write.idempotency_key
                    )
                }
            }
        }
    }

    fn next_write(&mut self) -> Write {
        self.written += 1;
        let name = format!("{}-{}", self.name, self.written);
        let wanted_id = if self.random.random_bool(0.5) {
            "unique()".to_owned()
        } else {
            format!("item-{name}")
        };
        let thread = format!("thread-{}", self.random.random_range(0..THREADS));
        let text = self.text(&name);
        Write {
            idempotency_key: format!("key-{name}"),
            thread,
            wanted_id,
            text,
        }
    }

    fn text(&mut self, name: &str) -> String {
        let length = if self.random.random_bool(self.large) {
            self.random.random_range(10_000..60_000)
        } else {
            self.random.random_range(10..600)
        };
        let mut text = format!("{name}: ");
        while text.len() < length {
            text.push(char::from(self.random.random_range(b' '..=b'~')));
        }
        text
    }
}
