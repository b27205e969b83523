//! A server over HTTP, with the client that comes with hyper: one connection, one request.

use std::io;
use std::path::PathBuf;

use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::cli::failure::Failure;

/// The key itself, which no flag takes: that would show in the list of processes.
const KEY: &str = "EVERLOG_KEY";
/// Bytes of a refusal that are read.
const REFUSAL_BYTES: usize = 64 * 1024;

/// A body to send.
pub(super) type Sent = BoxBody<Bytes, io::Error>;

/// Which server, and who asks it.
#[derive(Debug, Clone, Args)]
pub(super) struct Remote {
    /// The server, as in http://127.0.0.1:8080/v1
    #[arg(long, env = "EVERLOG_ENDPOINT")]
    endpoint: Uri,
    /// File of the API key. Without it the key is taken from EVERLOG_KEY
    #[arg(long, env = "EVERLOG_KEY_FILE")]
    key_file: Option<PathBuf>,
}

/// An answer that was not granted.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Remote {
    /// Sends a request, and answers with the body of what was granted.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Sent,
    ) -> Result<Incoming, Failure> {
        let (host, base) = self.parts()?;
        let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("{host}: {error}"));
        let address = match host.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => host.to_owned(),
            _ => format!("{host}:80"),
        };
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| failed(&error))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| failed(&error))?;
        // its failure is the request's, which tells it
        tokio::spawn(async { drop(connection.await) });
        let request = Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header(header::HOST, host)
            .header(header::AUTHORIZATION, self.authorization()?)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(body);
        let request = request.map_err(Failure::failed)?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| failed(&error))?;
        let status = response.status();
        match status {
            StatusCode::OK => Ok(response.into_body()),
            _ => Err(refusal(status, response.into_body()).await),
        }
    }

    /// Host with port, and path without a slash at its end.
    fn parts(&self) -> Result<(&str, &str), Failure> {
        let expected = || {
            Failure::failed(format!(
                "--endpoint: expected http://HOST:PORT/v1, found {}; the program itself speaks no TLS: \
                 run it beside the server, or through a tunnel",
                self.endpoint
            ))
        };
        let authority = self.endpoint.authority().ok_or_else(expected)?;
        let is_plain = self.endpoint.scheme_str() == Some("http");
        let has_user = authority.as_str().contains('@');
        match is_plain && !has_user {
            true => Ok((
                authority.as_str(),
                self.endpoint.path().trim_end_matches('/'),
            )),
            false => Err(expected()),
        }
    }

    fn authorization(&self) -> Result<HeaderValue, Failure> {
        let key = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?,
            None => std::env::var(KEY).map_err(|_| {
                Failure::failed(format!("expected an API key in {KEY}, or --key-file"))
            })?,
        };
        let value = HeaderValue::from_str(&format!("Bearer {}", key.trim()));
        // what it is stays unsaid
        let mut value = value.map_err(|_| Failure::failed("the API key is none"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

async fn refusal(status: StatusCode, body: Incoming) -> Failure {
    let body = http_body_util::Limited::new(body, REFUSAL_BYTES).collect();
    let body = body.await.map(|body| body.to_bytes()).unwrap_or_default();
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(Refusal { message }) => Failure::failed(format!("{message} ({status})")),
        Err(_) => Failure::failed(status),
    }
}

/// Bytes that come, cut into whole lines.
#[derive(Default)]
pub(super) struct Cut(Vec<u8>);

impl Cut {
    /// The whole lines so far, with their ends.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(bytes);
        let end = self.0.iter().rposition(|byte| *byte == b'\n');
        let rest = self.0.split_off(end.map_or(0, |end| end + 1));
        std::mem::replace(&mut self.0, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(endpoint: &str) -> Remote {
        Remote {
            endpoint: endpoint.parse().unwrap(),
            key_file: None,
        }
    }

    #[test]
    fn endpoints() {
        for endpoint in ["https://a/v1", "a", "/v1", "http://key@a/v1", "ftp://a"] {
            let refused = remote(endpoint).parts().unwrap_err().to_string();
            assert!(refused.contains("http://HOST:PORT/v1"), "{refused}");
        }
        for (endpoint, expected) in [
            ("http://127.0.0.1:8080/v1", ("127.0.0.1:8080", "/v1")),
            ("http://[::1]:8080/p/shop/v1/", ("[::1]:8080", "/p/shop/v1")),
        ] {
            assert_eq!(remote(endpoint).parts().unwrap(), expected);
        }
    }

    #[test]
    fn whole_lines_are_taken_and_the_rest_is_kept() {
        let mut cut = Cut::default();
        assert_eq!(cut.take(b"on"), b"");
        assert_eq!(cut.take(b"e\ntwo\nth"), b"one\ntwo\n");
        assert_eq!(cut.take(b"ree\n"), b"three\n");
        assert_eq!(cut.take(b""), b"");
    }
}
