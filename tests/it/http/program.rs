//! The built program: what it counts while it serves, and what its dump shows.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::binary::{Server, client, run, text};

/// `everlog dev` on a folder, and where it listens.
fn dev(data: &Path) -> (Server, SocketAddr) {
    let mut server = Server::dev(data);
    let announced = server.announcement();
    let endpoint = announced["endpoint"].as_str().unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/v1").unwrap();
    (server, address.parse().unwrap())
}

/// A guest's live socket that has been greeted.
async fn live_socket(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = "GET /v1/live?project=demo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("connected") {
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0, "{read:?}");
    }
    socket
}

async fn connections(address: SocketAddr) -> Option<String> {
    let metrics = client().get(format!("http://{address}/metrics"));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix("everlog_connections ").map(str::to_owned))
}

#[tokio::test]
async fn live_sockets_are_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = dev(folder.path());
    let sockets = [live_socket(address).await, live_socket(address).await];
    // and the one that asks
    assert_eq!(connections(address).await.as_deref(), Some("3"));
    drop(sockets);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_dump_shows_no_hashes_of_secrets_unless_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(dev(folder.path()).0.stop(), Some(0));
    let hashes = |project: &str, more: &[&str]| -> Vec<String> {
        let folder = text(folder.path());
        let dump = run(&[&["log", "--project", project, "--data", folder], more].concat());
        let lines = String::from_utf8(dump.stdout).unwrap();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let fields = lines.flat_map(|line| {
            ["passwordHash", "secretHash"]
                .map(|name| line["event"][name].as_str().map(str::to_owned))
        });
        fields.flatten().collect()
    };
    let with = ["--with-secrets"];
    assert_eq!(hashes("console", &[]), [""]);
    assert!(hashes("console", &with)[0].starts_with("$argon2id$"));
    assert_eq!(hashes("demo", &[]), ["0".repeat(64)]);
    assert_ne!(hashes("demo", &with), ["0".repeat(64)]);
}

#[test]
fn templates_are_kept_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    assert_eq!(dev(&data).0.stop(), Some(0));
    let file = folder.path().join("ticket.json");
    let template = |arguments: &[&str]| {
        let project = ["--project", "demo", "--data", text(&data)];
        run(&[&["template"], arguments, &project].concat())
    };
    let set = |json: &str| {
        std::fs::write(&file, json).unwrap();
        template(&["set", "ticket", text(&file)])
    };
    let listed = || -> Vec<Value> {
        let lines = String::from_utf8(template(&["list"]).stdout).unwrap();
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let refused = set(r#"{"permissions":["read(\"label:{creator}\")"]}"#);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(template(&["delete", "ticket"]).status.code(), Some(1));
    assert_eq!(listed(), Vec::<Value>::new());
    for (json, users) in [("{}", 0), (r#"{"usableBy":["users"]}"#, 1)] {
        assert_eq!(set(json).status.code(), Some(0));
        let list = listed();
        assert_eq!(list[0]["$id"], "ticket");
        assert_eq!(list[0]["usableBy"].as_array().map(Vec::len), Some(users));
        assert_eq!(list.len(), 1);
    }
    assert_eq!(template(&["delete", "ticket"]).status.code(), Some(0));
    assert_eq!(listed(), Vec::<Value>::new());
}
