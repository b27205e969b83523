//! A keep-alive HTTP/1.1 connection: as little as a client can be, so that the server is measured.

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::closed::Caller;
use crate::item;
use crate::server::Target;

/// One connection, with one request on its way at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    base: String,
    host: HeaderValue,
    authorization: HeaderValue,
}

#[derive(Debug, Deserialize)]
struct Created {
    #[serde(rename = "$id")]
    id: String,
}

impl Connection {
    /// Connects to the server.
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(&target.authority)
            .await
            .context("connecting")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end or failure reaches the sender's next request.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self {
            sender,
            base: target.base.clone(),
            host: HeaderValue::from_str(&target.authority)?,
            authorization: HeaderValue::from_str(&format!("Bearer {}", target.key))?,
        })
    }

    /// Makes a thread and returns its id.
    pub(crate) async fn create_thread(&mut self, name: &str) -> Result<String> {
        let body = serde_json::json!({ "threadId": "unique()", "name": name }).to_string();
        let created = self
            .ask(Method::POST, "/threads", body, StatusCode::CREATED)
            .await?;
        let created: Created = serde_json::from_slice(&created).context("the created thread")?;
        Ok(created.id)
    }

    /// Makes `count` threads.
    pub(crate) async fn create_threads(&mut self, count: usize) -> Result<Vec<String>> {
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            threads.push(self.create_thread(&format!("load {number}")).await?);
        }
        Ok(threads)
    }

    /// Posts an item; returns when it is acknowledged.
    pub(crate) async fn post_item(&mut self, thread: &str, number: u64) -> Result<()> {
        let path = format!("/threads/{thread}/items");
        self.ask(Method::POST, &path, item::body(number), StatusCode::CREATED)
            .await?;
        Ok(())
    }

    /// Reads a thread's items, as many as the server gives by itself.
    pub(crate) async fn list_items(&mut self, thread: &str) -> Result<()> {
        let path = format!("/threads/{thread}/items");
        self.ask(Method::GET, &path, String::new(), StatusCode::OK)
            .await?;
        Ok(())
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: String,
        expected: StatusCode,
    ) -> Result<Bytes> {
        let request = Request::builder()
            .method(&method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            status == expected,
            "{method} {path}: expected {expected}, found {status}: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(answer)
    }
}

/// Posts items into one thread, one after the other.
#[derive(Debug)]
pub(crate) struct ItemPoster {
    connection: Connection,
    thread: String,
    number: u64,
}

impl ItemPoster {
    /// On a connection of its own.
    pub(crate) async fn open(target: &Target, thread: String) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(target).await?,
            thread,
            number: 0,
        })
    }
}

impl Caller for ItemPoster {
    async fn call(&mut self) -> Result<u64> {
        self.number += 1;
        self.connection.post_item(&self.thread, self.number).await?;
        Ok(1)
    }
}
