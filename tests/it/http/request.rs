//! Requests and answers, short to write.

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use serde_json::Value;

/// A request in the making.
#[derive(Clone)]
pub(super) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new("DELETE", path)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "written as json!(…) at each use"
    )]
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new("POST", path).body(body.to_string())
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn bearer(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(super) fn project(self, project: &str) -> Self {
        self.header("x-appwrite-project", project)
    }

    pub(super) fn session(self, project: &str, value: &str) -> Self {
        self.project(project).header("x-appwrite-session", value)
    }

    /// Names the wish.
    pub(super) fn named(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With queries, as an SDK sends them.
    pub(super) fn queries(mut self, queries: &[Value]) -> Self {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        for (number, query) in queries.iter().enumerate() {
            pairs.append_pair(&format!("queries[{number}]"), &query.to_string());
        }
        let joint = if self.path.contains('?') { '&' } else { '?' };
        self.path = format!("{}{joint}{}", self.path, pairs.finish());
        self
    }

    pub(super) fn into_request(self) -> Request<Body> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header("host", "api.example.com")
            .header("content-type", "application/json");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl Reply {
    pub(super) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// The error's type; empty if it is none.
    pub(super) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    pub(super) fn id(&self) -> String {
        self.body["$id"].as_str().unwrap().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie that the answer sets.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all("set-cookie").iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        lines
            .filter_map(|line| {
                line.split(';')
                    .next()?
                    .strip_prefix(name)?
                    .strip_prefix('=')
            })
            .map(str::to_owned)
            .next()
    }
}

/// The names of an object's fields, sorted: in which order they come is nobody's business.
pub(super) fn fields(object: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    fields
}
