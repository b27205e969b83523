//! An insert a commit: what an application does that keeps each event as it comes.

use anyhow::Result;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::table::{COLUMNS, OwnStream, Place, Table};
use crate::closed::Caller;

/// One connection; each statement commits by itself.
#[derive(Debug)]
pub(crate) struct Inserter {
    client: Client,
    statement: Statement,
    project: i64,
    /// The project's events are those of this stream, so an offset is a position as well.
    stream: OwnStream,
    payload: Vec<u8>,
}

impl Inserter {
    /// Prepares the statement.
    pub(crate) async fn new(client: Client, project: i64, payload_bytes: usize) -> Result<Self> {
        let name = Table::Checked.name();
        let insert = format!("INSERT INTO {name} ({COLUMNS}) VALUES ($1, $2, $3, $4, $5)");
        let statement = client.prepare(&insert).await?;
        Ok(Self {
            client,
            statement,
            project,
            stream: OwnStream::new(0),
            payload: vec![0x5a; payload_bytes],
        })
    }
}

impl Caller for Inserter {
    async fn call(&mut self) -> Result<u64> {
        let position = self.stream.advance();
        let Self {
            client,
            statement,
            project,
            stream,
            payload,
        } = self;
        let Place { stream, position } = stream.at(position);
        let values: [&(dyn ToSql + Sync); 5] = [project, &position, &stream, &position, payload];
        Ok(client.execute(statement, &values).await?)
    }
}
