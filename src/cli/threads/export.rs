//! `everlog threads export`

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use clap::Args;
use everlog_domain::ids::ThreadId;
use http_body_util::{BodyExt, Empty};
use serde::Deserialize;
use tokio::time::sleep;

use super::remote::{Cut, Remote};
use crate::cli::failure::Failure;
use crate::cli::progress::Counter;
use crate::cli::serving::runtime;

/// How often a download that was cut is tried again without anything new.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// Print the threads that a key may read as JSON lines, all of one moment. A download that is cut
/// goes on where it was.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    remote: Remote,
    /// This thread alone
    #[arg(long, value_name = "ID")]
    thread: Option<String>,
    /// As it was then: a cursor, or a time as in 2026-08-21T12:42:38Z
    #[arg(long)]
    at: Option<String>,
}

/// What is looked at of a line.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(rename = "$id")]
    id: Option<String>,
    thread_id: Option<String>,
    at: Option<String>,
    error: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

/// How far the download has come.
#[derive(Default)]
struct Reached {
    at: Option<String>,
    thread: Option<String>,
    /// The last item of that thread.
    item: Option<String>,
    threads: u64,
    items: u64,
    is_whole: bool,
}

impl Export {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let thread = self.thread.as_deref().map(ThreadId::parse).transpose();
        let thread = thread.map_err(Failure::failed)?;
        let mut reached = Reached {
            at: self.at.clone(),
            ..Reached::default()
        };
        let counter = Counter::of_unknown();
        let mut out = BufWriter::new(io::stdout().lock());
        let done = runtime()?.block_on(async {
            let mut tries = 0;
            loop {
                let before = reached.items + reached.threads;
                let path = reached.path(thread.as_ref());
                let cut = match self.part(&path, &mut reached, &mut out, &counter).await {
                    Ok(()) if reached.is_whole => return Ok(()),
                    Ok(()) => Failure::failed("the download was cut"),
                    Err(Ended::Cut(failure)) => failure,
                    Err(Ended::Refused(failure)) => return Err(failure),
                };
                tries = match reached.items + reached.threads > before {
                    true => 1,
                    false => tries + 1,
                };
                // one thread begins anew
                if tries > TRIES || thread.is_some() || before + reached.threads == 0 {
                    return Err(cut);
                }
                sleep(BETWEEN_TRIES).await;
            }
        });
        drop(counter);
        out.flush()?;
        done
    }

    /// One connection's part of it.
    async fn part(
        &self,
        path: &str,
        reached: &mut Reached,
        out: &mut impl Write,
        counter: &Counter,
    ) -> Result<(), Ended> {
        let empty = Empty::<Bytes>::new()
            .map_err(|never| match never {})
            .boxed();
        let asked = self.remote.ask(Method::GET, path, empty).await;
        // whether anything came before decides if it is worth another try
        let mut body = asked.map_err(|failure| match reached.threads {
            0 => Ended::Refused(failure),
            _ => Ended::Cut(failure),
        })?;
        let mut cut = Cut::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Ended::Cut(Failure::failed(error)))?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let lines = cut.take(&bytes);
            counter.add(lines.len());
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                if reached.take(line)? {
                    out.write_all(line)
                        .map_err(|error| Ended::Refused(error.into()))?;
                }
            }
            counter.say(&format!(
                "{} threads, {} items",
                reached.threads, reached.items
            ));
        }
        Ok(())
    }
}

/// Why a part ended.
enum Ended {
    /// It may go on.
    Cut(Failure),
    Refused(Failure),
}

impl Reached {
    fn path(&self, thread: Option<&ThreadId>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(at) = &self.at {
            query.append_pair("at", at);
        }
        if let Some(last) = self.thread.as_deref().filter(|_| thread.is_none()) {
            // without an item, the thread's own line has come, and is not sent again
            match &self.item {
                Some(item) => query.append_pair("after", &format!("{last}/{item}")),
                None => query.append_pair("after", last),
            };
        }
        let query = query.finish();
        match thread {
            Some(thread) => format!("/threads/{thread}/export?{query}"),
            None => format!("/export/threads?{query}"),
        }
    }

    /// Notes a line. Whether it belongs into the file.
    fn take(&mut self, line: &[u8]) -> Result<bool, Ended> {
        let read: Line = serde_json::from_slice(line)
            .map_err(|error| Ended::Refused(Failure::failed(format!("no export: {error}"))))?;
        if let Some(Message { message }) = read.error {
            return Err(Ended::Cut(Failure::failed(message)));
        }
        match read.kind.as_str() {
            "export" => {
                let is_first = self.threads == 0;
                self.at = read.at.or_else(|| self.at.take());
                return Ok(is_first);
            }
            "thread" => {
                self.threads += 1;
                (self.thread, self.item) = (read.id, None);
            }
            "item" => {
                self.items += 1;
                (self.thread, self.item) = (read.thread_id, read.id);
            }
            "end" => self.is_whole = true,
            _ => {}
        }
        Ok(true)
    }
}
