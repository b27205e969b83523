//! `everlog threads import`

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use axum::http::Method;
use bytes::Bytes;
use clap::Args;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::remote::{Cut, Remote, Sent};
use crate::cli::failure::Failure;
use crate::cli::progress::Counter;
use crate::cli::serving::runtime;

/// Bytes that are read at once, and how many of these wait to be sent.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 4;

/// Send threads as JSON lines to a server: what `everlog threads export` printed. The same file can
/// be sent again; what is there already stays as it is. Prints the report.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    remote: Remote,
    /// The file; standard input without it
    file: Option<PathBuf>,
}

impl Import {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let (input, length): (Box<dyn Read + Send>, _) = match &self.file {
            Some(path) => {
                let failed = |error| Failure::failed(format!("{}: {error}", path.display()));
                let file = File::open(path).map_err(failed)?;
                let length = file.metadata().map_err(failed)?.len();
                (Box::new(file), Some(length))
            }
            None => (Box::new(io::stdin()), None),
        };
        let counter = match length {
            Some(length) => Counter::of(length),
            None => Counter::of_unknown(),
        };
        let runtime = runtime()?;
        let report = runtime.block_on(self.send(input, &counter));
        drop(counter);
        // standard input may be read for ever
        runtime.shutdown_background();
        let report = report?;
        writeln!(io::stdout(), "{report}")?;
        judge(&report)
    }

    async fn send(&self, input: Box<dyn Read + Send>, counter: &Counter) -> Result<Json, Failure> {
        let body = body(input, counter.clone());
        let path = "/import/threads";
        let mut answer = self.remote.ask(Method::POST, path, body).await?;
        let mut cut = Cut::default();
        while let Some(frame) = answer.frame().await {
            let frame = frame.map_err(Failure::failed)?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            for line in cut.take(&bytes).split(|byte| *byte == b'\n') {
                let Ok(mut line) = serde_json::from_slice::<Json>(line) else {
                    continue;
                };
                if let Some(report) = line.get_mut("report") {
                    return Ok(report.take());
                }
                if let Some(progress) = line.get("progress") {
                    counter.say(&said(progress));
                }
            }
        }
        let reason = "the server has sent no report: send the file again";
        Err(Failure::failed(reason))
    }
}

fn said(progress: &Json) -> String {
    let count = |what: &str| {
        let of = |sort| progress[what][sort].as_u64().unwrap_or(0);
        of("accepted") + of("existing")
    };
    let rejected = progress["rejected"].as_u64().unwrap_or(0);
    format!(
        "{} threads, {} items, {rejected} rejected",
        count("threads"),
        count("items")
    )
}

/// The file as a body, read by a thread of its own.
fn body(mut input: Box<dyn Read + Send>, counter: Counter) -> Sent {
    let (pieces, sent) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = match input.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let _gone = pieces.blocking_send(Err(error));
                    return;
                }
            };
            piece.truncate(read);
            if pieces.blocking_send(Ok(piece.into())).is_err() {
                return;
            }
            counter.add(read);
        }
    });
    let frames = stream::unfold(sent, async |mut sent| {
        let piece = sent.recv().await?;
        Some((piece.map(Frame::data), sent))
    });
    BodyExt::boxed(StreamBody::new(frames))
}

/// The command has done what it was asked only if all of the file was taken.
fn judge(report: &Json) -> Result<(), Failure> {
    if let Some(message) = report["error"]["message"].as_str() {
        let again = "what was taken stays: send the file again";
        return Err(Failure::failed(format!("{message}; {again}")));
    }
    match (report["rejected"].as_u64(), report["complete"].as_bool()) {
        (Some(0), Some(true)) => Ok(()),
        (Some(0), _) => Err(Failure::failed(
            "the file has no last line: it was cut off; export it again, or the rest of it",
        )),
        (rejected, _) => Err(Failure::failed(format!(
            "{} lines were not taken: the report names them",
            rejected.unwrap_or(0)
        ))),
    }
}
