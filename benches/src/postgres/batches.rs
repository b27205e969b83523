//! One writer that commits many events together: PostgreSQL at its best.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

use super::table::{COLUMNS, OwnStream, Place, Table};
use crate::closed::Caller;

/// Rows in a commit, at most.
pub(crate) const ROWS: usize = 1_024;

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

/// An event of a batch: its place in its stream, and what it holds.
#[derive(Clone, Copy)]
struct Row<'a> {
    place: Place<'a>,
    payload: &'a [u8],
}

impl Batches {
    /// Prepares the statement of this form.
    pub(crate) async fn new(
        client: Client,
        project: i64,
        form: Form,
        table: Table,
    ) -> Result<Self> {
        let name = table.name();
        let sql = match form {
            Form::MultiRow => format!(
                "INSERT INTO {name} ({COLUMNS}) SELECT * FROM unnest(
                    $1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[])"
            ),
            Form::Copy => format!("COPY {name} ({COLUMNS}) FROM STDIN (FORMAT binary)"),
        };
        let statement = client.prepare(&sql).await?;
        Ok(Self {
            client,
            statement,
            form,
            project,
            offset: 0,
        })
    }

    async fn commit(&mut self, rows: &[Row<'_>]) -> Result<u64> {
        let first = self.offset + 1;
        self.offset += i64::try_from(rows.len()).context("the rows of a batch")?;
        let offsets: Vec<i64> = (first..=self.offset).collect();
        match self.form {
            Form::MultiRow => self.multi_row(&offsets, rows).await,
            Form::Copy => self.copy(&offsets, rows).await,
        }
    }

    async fn multi_row(&self, offsets: &[i64], rows: &[Row<'_>]) -> Result<u64> {
        let projects = vec![self.project; offsets.len()];
        let streams: Vec<&str> = rows.iter().map(|row| row.place.stream).collect();
        let positions: Vec<i64> = rows.iter().map(|row| row.place.position).collect();
        let payloads: Vec<&[u8]> = rows.iter().map(|row| row.payload).collect();
        let values: [&(dyn ToSql + Sync); 5] =
            [&projects, &offsets, &streams, &positions, &payloads];
        Ok(self.client.execute(&self.statement, &values).await?)
    }

    async fn copy(&self, offsets: &[i64], rows: &[Row<'_>]) -> Result<u64> {
        let sink = self.client.copy_in(&self.statement).await?;
        let types = [Type::INT8, Type::INT8, Type::TEXT, Type::INT8, Type::BYTEA];
        let writer = BinaryCopyInWriter::new(sink, &types);
        let mut writer = std::pin::pin!(writer);
        for (offset, row) in offsets.iter().zip(rows) {
            let Row { place, payload } = row;
            let values: [&(dyn ToSql + Sync); 5] = [
                &self.project,
                offset,
                &place.stream,
                &place.position,
                payload,
            ];
            writer.as_mut().write(&values).await?;
        }
        Ok(writer.finish().await?)
    }
}

/// A writer that never waits for events: its next batch is full and made already. No service has
/// that; it is the ceiling.
#[derive(Debug)]
pub(crate) struct AlwaysFull {
    batches: Batches,
    stream: OwnStream,
    payload: Vec<u8>,
}

impl AlwaysFull {
    /// Full batches of payloads of this size.
    pub(crate) fn new(batches: Batches, payload_bytes: usize) -> Self {
        Self {
            batches,
            stream: OwnStream::new(0),
            payload: vec![0x5a; payload_bytes],
        }
    }
}

impl Caller for AlwaysFull {
    async fn call(&mut self) -> Result<u64> {
        let Self {
            batches,
            stream,
            payload,
        } = self;
        let places: Vec<i64> = (0..ROWS).map(|_| stream.advance()).collect();
        let row = |position| Row {
            place: stream.at(position),
            payload,
        };
        let rows: Vec<Row<'_>> = places.into_iter().map(row).collect();
        batches.commit(&rows).await
    }
}

/// An event on its way to the gathering writer.
struct Waiting {
    stream: Arc<str>,
    position: i64,
    payload: Vec<u8>,
    committed: oneshot::Sender<()>,
}

impl Waiting {
    fn row(&self) -> Row<'_> {
        Row {
            place: Place {
                stream: &self.stream,
                position: self.position,
            },
            payload: &self.payload,
        }
    }
}

/// One of those who each wait until their own event is committed: what the log's committer serves.
#[derive(Debug)]
pub(crate) struct WaitingCaller {
    events: mpsc::Sender<Waiting>,
    stream: OwnStream,
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
        let caller = |number| Self {
            events: events.clone(),
            stream: OwnStream::new(number),
            payload: vec![0x5a; payload_bytes],
        };
        (0..callers).map(caller).collect()
    }
}

impl Caller for WaitingCaller {
    async fn call(&mut self) -> Result<u64> {
        let (committed, answer) = oneshot::channel();
        let waiting = Waiting {
            stream: self.stream.name(),
            position: self.stream.advance(),
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
    let rows: Vec<Row<'_>> = gathered.iter().map(Waiting::row).collect();
    batches.commit(&rows).await?;
    for event in gathered.drain(..) {
        // A caller that stopped waiting needs no answer.
        event.committed.send(()).ok();
    }
    Ok(())
}
