//! The built program: what it counts while it serves, and what its dump shows.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PROGRAM: &str = env!("CARGO_BIN_EXE_everlog");

/// `everlog dev` on a folder.
struct Dev {
    child: Child,
    address: SocketAddr,
}

impl Dev {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut announced = String::new();
        let output = child.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut announced).unwrap();
        let announced: Value = serde_json::from_str(&announced).unwrap();
        let endpoint = announced["endpoint"].as_str().unwrap();
        let address = endpoint.strip_prefix("http://").unwrap();
        let address = address.strip_suffix("/v1").unwrap().parse().unwrap();
        Self { child, address }
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
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
    let client = Client::builder().no_proxy().build().unwrap();
    let metrics = client.get(format!("http://{address}/metrics"));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let mut lines = metrics.lines();
    lines.find_map(|line| line.strip_prefix("everlog_connections ").map(str::to_owned))
}

#[tokio::test]
async fn live_sockets_are_connections() {
    let folder = tempfile::tempdir().unwrap();
    let server = Dev::start(folder.path());
    let sockets = [
        live_socket(server.address).await,
        live_socket(server.address).await,
    ];
    // and the one that asks
    assert_eq!(connections(server.address).await.as_deref(), Some("3"));
    drop(sockets);
    server.stop();
}

#[test]
fn a_dump_shows_no_hashes_of_secrets_unless_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    Dev::start(folder.path()).stop();
    let hashes = |project: &str, more: &[&str]| -> Vec<String> {
        let mut command = Command::new(PROGRAM);
        let dump = command.args(["log", "--project", project, "--data"]);
        let dump = dump.arg(folder.path()).args(more).output().unwrap();
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
