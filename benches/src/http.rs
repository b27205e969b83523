//! A keep-alive HTTP/1.1 connection: as little as a client can be, so that the server is measured.

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::closed::Caller;
use crate::item;
use crate::live;
use crate::server::Target;

/// One connection, with one request on its way at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    base: String,
    host: HeaderValue,
    authorization: HeaderValue,
    /// Where the newest answer stood in the project's log.
    offset: Option<u64>,
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
            offset: None,
        })
    }

    /// Where the newest answer stood in the project's log: the key may know.
    pub(crate) fn offset(&self) -> Result<u64> {
        self.offset.context("no answer has told its offset")
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

    /// Gives a thread another name.
    pub(crate) async fn rename_thread(&mut self, thread: &str, name: &str) -> Result<()> {
        let body = serde_json::json!({ "name": name }).to_string();
        let path = format!("/threads/{thread}");
        self.ask(Method::PATCH, &path, body, StatusCode::OK).await?;
        Ok(())
    }

    /// Reads the list of threads as it was at an offset, and expects this status.
    pub(crate) async fn list_threads_at(&mut self, at: u64, expected: StatusCode) -> Result<()> {
        let path = format!("/threads?at={at}");
        self.ask(Method::GET, &path, String::new(), expected)
            .await?;
        Ok(())
    }

    /// Begins to read the project's log from its first event on, an event a line.
    pub(crate) async fn log_lines(&mut self) -> Result<Incoming> {
        let uri = format!("{}/log?from=1", self.base);
        let mut request = self.request(&Method::GET, &uri, String::new())?;
        let lines = HeaderValue::from_static("application/jsonl");
        request.headers_mut().insert(ACCEPT, lines);
        let response = self.answer(request).await?;
        let status = response.status();
        ensure!(status == StatusCode::OK, "GET {uri}: found {status}");
        Ok(response.into_body())
    }

    /// One of the server's own counts; 0 as long as it has counted nothing.
    pub(crate) async fn metric(&mut self, name: &str) -> Result<u64> {
        let request = self.request(&Method::GET, "/metrics", String::new())?;
        let body = self.answer(request).await?.into_body().collect().await?;
        count_in(&String::from_utf8_lossy(&body.to_bytes()), name)
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: String,
        expected: StatusCode,
    ) -> Result<Bytes> {
        let uri = format!("{}{path}", self.base);
        let request = self.request(&method, &uri, body)?;
        let response = self.answer(request).await?;
        let status = response.status();
        let offset = response.headers().get("x-everlog-offset");
        let offset = offset.and_then(|offset| offset.to_str().ok()?.parse().ok());
        self.offset = offset.or(self.offset);
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            status == expected,
            "{method} {path}: expected {expected}, found {status}: {}",
            live::excerpt(&String::from_utf8_lossy(&answer))
        );
        Ok(answer)
    }

    async fn answer(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    fn request(&self, method: &Method, uri: &str, body: String) -> Result<Request<Full<Bytes>>> {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        Ok(request)
    }
}

/// Connections that make or change many things at once.
const AT_ONCE: usize = 16;

/// Makes `count` threads, on several connections.
pub(crate) async fn create_threads(target: &Target, count: usize) -> Result<Vec<String>> {
    let mut making = JoinSet::new();
    for place in 0..AT_ONCE {
        let mut connection = Connection::open(target).await?;
        let share = (count + place) / AT_ONCE;
        making.spawn(async move { connection.create_threads(share).await });
    }
    let mut threads = Vec::with_capacity(count);
    while let Some(made) = making.join_next().await {
        threads.extend(made.context("a connection's task")??);
    }
    Ok(threads)
}

/// Posts one item into each of the threads, with the number that stands beside it.
pub(crate) async fn post_each(target: &Target, items: Vec<(String, u64)>) -> Result<()> {
    let mut posting = JoinSet::new();
    for share in items.chunks(items.len().div_ceil(AT_ONCE).max(1)) {
        let mut connection = Connection::open(target).await?;
        let share = share.to_vec();
        posting.spawn(async move {
            for (thread, number) in share {
                connection.post_item(&thread, number).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(posted) = posting.join_next().await {
        posted.context("a connection's task")??;
    }
    Ok(())
}

/// The sum of a count over its labels, in Prometheus' text form.
fn count_in(text: &str, name: &str) -> Result<u64> {
    let values = text.lines().filter_map(|line| {
        let (label, value) = line.rsplit_once(' ')?;
        let own = label.split('{').next() == Some(name);
        own.then_some(value)
    });
    let counts: Vec<u64> = values.map(str::parse).collect::<Result<_, _>>()?;
    Ok(counts.iter().sum())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_summed_over_its_labels() -> Result<()> {
        let text = "# TYPE events counter\nevents{of=\"a\"} 3\nevents{of=\"b\"} 4\nevents_more 9\nplain 5\n";
        assert_eq!(count_in(text, "events")?, 7);
        assert_eq!(count_in(text, "plain")?, 5);
        assert_eq!(count_in(text, "absent")?, 0);
        assert!(count_in("events NaN", "events").is_err());
        Ok(())
    }
}
