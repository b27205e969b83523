//! An insert a commit: what an application does that keeps each event as it comes.

use anyhow::Result;
use tokio_postgres::{Client, Statement};

use crate::closed::Caller;

const INSERT: &str = r#"INSERT INTO events (project, "offset", payload) VALUES ($1, $2, $3)"#;

/// One connection; each statement commits by itself.
#[derive(Debug)]
pub(crate) struct Inserter {
    client: Client,
    statement: Statement,
    project: i64,
    offset: i64,
    payload: Vec<u8>,
}

impl Inserter {
    /// Prepares the statement.
    pub(crate) async fn new(client: Client, project: i64, payload_bytes: usize) -> Result<Self> {
        let statement = client.prepare(INSERT).await?;
        Ok(Self {
            client,
            statement,
            project,
            offset: 0,
            payload: vec![0x5a; payload_bytes],
        })
    }
}

impl Caller for Inserter {
    async fn call(&mut self) -> Result<u64> {
        self.offset += 1;
        let Self {
            client,
            statement,
            project,
            offset,
            payload,
        } = self;
        Ok(client
            .execute(statement, &[project, offset, payload])
            .await?)
    }
}
