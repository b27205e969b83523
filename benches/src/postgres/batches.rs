//! One writer that commits many events together: PostgreSQL at its best.

use std::fmt;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use crate::closed::Caller;

/// Rows in a commit, at most.
pub(crate) const ROWS: usize = 1_024;

const MULTI_ROW: &str = r#"INSERT INTO events (project, "offset", payload)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])"#;
const COPY: &str = r#"COPY events (project, "offset", payload) FROM STDIN (FORMAT binary)"#;

/// How a batch reaches PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One statement with an array a column.
    MultiRow,
    /// The binary COPY protocol.
    Copy,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MultiRow => "multi-row insert",
            Self::Copy => "binary COPY",
        })
    }
}

/// One connection that commits batches.
#[derive(Debug)]
pub(crate) struct Batches {
    client: Client,
    statement: Statement,
    form: Form,
    project: i64,
    offset: i64,
}

impl Batches {
    /// Prepares the statement of this form.
    pub(crate) async fn new(client: Client, project: i64, form: Form) -> Result<Self> {
        let sql = match form {
            Form::MultiRow => MULTI_ROW,
            Form::Copy => COPY,
        };
        let statement = client.prepare(sql).await?;
        Ok(Self {
            client,
            statement,
            form,
            project,
            offset: 0,
        })
    }

    async fn commit(&mut self, payloads: &[&[u8]]) -> Result<u64> {
        let first = self.offset + 1;
        self.offset += i64::try_from(payloads.len()).context("the rows of a batch")?;
        let offsets: Vec<i64> = (first..=self.offset).collect();
        match self.form {
            Form::MultiRow => self.multi_row(&offsets, payloads).await,
            Form::Copy => self.copy(&offsets, payloads).await,
        }
    }

    async fn multi_row(&self, offsets: &[i64], payloads: &[&[u8]]) -> Result<u64> {
        let projects = vec![self.project; offsets.len()];
        Ok(self
            .client
            .execute(&self.statement, &[&projects, &offsets, &payloads])
            .await?)
    }

    async fn copy(&self, offsets: &[i64], payloads: &[&[u8]]) -> Result<u64> {
        let sink = self.client.copy_in(&self.statement).await?;
        let writer = BinaryCopyInWriter::new(sink, &[Type::INT8, Type::INT8, Type::BYTEA]);
        let mut writer = std::pin::pin!(writer);
        for (offset, payload) in offsets.iter().zip(payloads) {
            writer
                .as_mut()
                .write(&[&self.project, offset, payload])
                .await?;
        }
        Ok(writer.finish().await?)
    }
}

/// A writer that never waits for events: its next batch is full and made already. No service has
/// that; it is the ceiling.
#[derive(Debug)]
pub(crate) struct AlwaysFull {
    batches: Batches,
    payload: Vec<u8>,
}

impl AlwaysFull {
    /// Full batches of payloads of this size.
    pub(crate) fn new(batches: Batches, payload_bytes: usize) -> Self {
        Self {
            batches,
            payload: vec![0x5a; payload_bytes],
        }
    }
}

impl Caller for AlwaysFull {
    async fn call(&mut self) -> Result<u64> {
        self.batches.commit(&[self.payload.as_slice(); ROWS]).await
    }
}

/// An event on its way to the gathering writer.
struct Waiting {
    payload: Vec<u8>,
    committed: oneshot::Sender<()>,
}

/// One of those who each wait until their own event is committed: what the log's committer serves.
#[derive(Debug)]
pub(crate) struct WaitingCaller {
    events: mpsc::Sender<Waiting>,
    payload: Vec<u8>,
}

impl WaitingCaller {
    /// So many callers of one gathering writer, which ends when they are dropped.
    pub(crate) fn gathered(
        mut batches: Batches,
        callers: usize,
        payload_bytes: usize,
    ) -> Vec<Self> {
        let (events, mut waiting) = mpsc::channel(ROWS);
        tokio::spawn(async move {
            let mut gathered = Vec::with_capacity(ROWS);
            while waiting.recv_many(&mut gathered, ROWS).await > 0 {
                commit_and_answer(&mut batches, &mut gathered).await?;
            }
            anyhow::Ok(())
        });
        let caller = || Self {
            events: events.clone(),
            payload: vec![0x5a; payload_bytes],
        };
        std::iter::repeat_with(caller).take(callers).collect()
    }
}

impl Caller for WaitingCaller {
    async fn call(&mut self) -> Result<u64> {
        let (committed, answer) = oneshot::channel();
        let waiting = Waiting {
            payload: self.payload.clone(),
            committed,
        };
        let sent = self.events.send(waiting).await;
        sent.ok()
            .context("PostgreSQL's gathering writer has failed")?;
        answer
            .await
            .context("PostgreSQL's gathering writer has failed")?;
        Ok(1)
    }
}

async fn commit_and_answer(batches: &mut Batches, gathered: &mut Vec<Waiting>) -> Result<()> {
    let payloads: Vec<&[u8]> = gathered
        .iter()
        .map(|event| event.payload.as_slice())
        .collect();
    batches.commit(&payloads).await?;
    for event in gathered.drain(..) {
        // A caller that stopped waiting needs no answer.
        event.committed.send(()).ok();
    }
    Ok(())
}
