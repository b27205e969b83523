//! What the crash tests ask of the server over HTTP.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::server::{Announcement, Item, read_item};

/// Longer than any answer of a living server takes; a killed one closes the connection at once.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: String,
    key: String,
}

/// Why a write was not acknowledged.
#[derive(Debug)]
pub(crate) enum Unacknowledged {
    /// The connection failed: whether the server wrote it is not known.
    Unknown,
    /// The server is full for the moment.
    Busy,
    /// The server said no.
    Refused(StatusCode, String),
}

pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) offset: u64,
}

impl Client {
    pub(crate) fn new(announcement: &Announcement) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("an HTTP client");
        Self {
            http,
            endpoint: announcement.endpoint.clone(),
            key: announcement.key.clone(),
        }
    }

    pub(super) async fn create_thread(
        &self,
        id: &str,
        key: &str,
    ) -> Result<Answer, Unacknowledged> {
        self.post("/threads", key, &json!({ "threadId": id, "name": id }))
            .await
    }

    pub(super) async fn post_item(
        &self,
        thread: &str,
        key: &str,
        id: &str,
        text: &str,
    ) -> Result<Answer, Unacknowledged> {
        let body =
            json!({ "itemId": id, "role": "user", "parts": [{ "type": "text", "text": text }] });
        self.post(&format!("/threads/{thread}/items"), key, &body)
            .await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, Unacknowledged> {
        let request = self
            .http
            .post(self.url(path))
            .bearer_auth(&self.key)
            .header("Idempotency-Key", key);
        let response = request
            .json(body)
            .send()
            .await
            .map_err(|_| Unacknowledged::Unknown)?;
        let status = response.status();
        let offset = response
            .headers()
            .get("X-Everlog-Offset")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.text().await.map_err(|_| Unacknowledged::Unknown)?;
        match status {
            StatusCode::CREATED => {
                let answer: Value = serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{error} in {text:?}"));
                let id = answer["$id"]
                    .as_str()
                    .unwrap_or_else(|| panic!("no $id in {text:?}"))
                    .to_owned();
                Ok(Answer {
                    id,
                    offset: offset.expect("a write's answer has X-Everlog-Offset"),
                })
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Err(Unacknowledged::Busy)
            }
            _ => Err(Unacknowledged::Refused(status, text)),
        }
    }

    /// All items of a thread in their order, page by page; none where there is no such thread.
    ///
    /// # Errors
    /// Where the server refuses to show a page, or does not answer.
    pub(super) async fn items(&self, thread: &str) -> Result<Vec<Item>, String> {
        let mut items: Vec<Item> = Vec::new();
        loop {
            let mut queries = vec![
                json!({ "method": "limit", "values": [100] }),
                json!({ "method": "orderAsc", "attribute": "$sequence" }),
            ];
            if let Some(last) = items.last() {
                queries.push(json!({ "method": "cursorAfter", "values": [last.id] }));
            }
            let mut url = self.url(&format!("/threads/{thread}/items"));
            url.query_pairs_mut()
                .extend_pairs(queries.iter().map(|query| ("queries[]", query.to_string())));
            let response = self
                .http
                .get(url)
                .bearer_auth(&self.key)
                .send()
                .await
                .map_err(|error| format!("listing {thread}: {error:?}"))?;
            let status = response.status();
            let text = response
                .text()
                .await
                .map_err(|error| format!("listing {thread}: {error:?}"))?;
            match status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(items),
                _ => return Err(format!("listing {thread}: {status} {text}")),
            }
            let page: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
            let page = page["items"].as_array().expect("a list has items");
            items.extend(page.iter().map(|item| read_item(item, "$id")));
            if page.len() < 100 {
                return Ok(items);
            }
        }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.endpoint))
            .expect("the announced endpoint is an address")
    }
}
