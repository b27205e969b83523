//! The built program: its commands, its announcement, its end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_everlog");

pub(super) struct Server {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Server {
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// `everlog dev` with this folder, on a port that is free.
    pub(super) fn dev(data: &Path) -> Self {
        let listen = "127.0.0.1:0";
        Self::start(&["dev", "--json", "--listen", listen, "--data", text(data)])
    }

    /// The first line that it prints: there is one once it listens.
    pub(super) fn announcement(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Asks it to stop; its exit code.
    pub(super) fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

pub(super) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn status(url: String, key: &str) -> u16 {
    client()
        .get(url)
        .bearer_auth(key)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn dev_announces_the_same_at_every_start_and_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut first = Server::dev(&data);
    let announced = first.announcement();
    let (endpoint, key) = (
        announced["endpoint"].as_str().unwrap(),
        announced["key"].as_str().unwrap(),
    );
    assert_eq!(announced["project"], "demo");
    let made = client()
        .post(format!("{endpoint}/threads"))
        .bearer_auth(key);
    let made = made.body(r#"{"threadId":"t"}"#).send().await.unwrap();
    assert_eq!(made.status(), 201);
    assert_eq!(first.stop(), Some(0));

    let mut second = Server::dev(&data);
    let again = second.announcement();
    for field in ["project", "key", "rootEmail", "rootPassword"] {
        assert_eq!(again[field], announced[field], "{field}");
    }
    let endpoint = again["endpoint"].as_str().unwrap();
    assert_eq!(status(format!("{endpoint}/threads/t"), key).await, 200);
    let root = json!({ "email": again["rootEmail"], "password": again["rootPassword"] });
    let root = client()
        .post(format!("{endpoint}/account/sessions/email"))
        .json(&root);
    assert_eq!(root.send().await.unwrap().status(), 201);

    let taken = run(&["log", "--data", text(&data), "--project", "demo"]);
    assert_eq!(taken.status.code(), Some(2), "a server owns the folder");
    assert_eq!(second.stop(), Some(0));
    let log = run(&["log", "--data", text(&data), "--project", "demo"]);
    let kinds: Vec<String> = String::from_utf8(log.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["kind"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(kinds, ["key.created", "thread.created"]);
    assert!(run(&["verify", "--data", text(&data)]).status.success());
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked_offline() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let on = |arguments: &[&'static str]| {
        let mut all = arguments.to_vec();
        all.extend(["--data", text(&data)]);
        run(&all)
    };
    assert_eq!(
        on(&["key", "list", "--project", "p"]).status.code(),
        Some(2),
        "there is no folder yet"
    );
    assert!(on(&["project", "create", "p"]).status.success());
    assert_eq!(on(&["project", "create", "p"]).status.code(), Some(1));
    assert_eq!(on(&["project", "create", "console"]).status.code(), Some(1));
    let create = ["key", "create", "--project", "p", "--name", "k", "--scopes"];
    assert_eq!(
        on(&[&create[..], &["everything"]].concat()).status.code(),
        Some(1)
    );
    let made = on(&[&create[..], &["threads.read,threads.write"]].concat());
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(key.starts_with("standard_p~"), "{key}");
    let listed = on(&["key", "list", "--project", "p"]);
    let line: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(line["scopes"], json!(["threads.read", "threads.write"]));
    assert!(!String::from_utf8_lossy(&listed.stdout).contains(&key[key.len() - 64..]));
    let id = line["$id"].as_str().unwrap().to_owned();
    let revoked = run(&[
        "key",
        "revoke",
        &id,
        "--project",
        "p",
        "--data",
        text(&data),
    ]);
    assert!(revoked.status.success());
    assert!(on(&["key", "list", "--project", "p"]).stdout.is_empty());
}

#[test]
fn dev_listens_on_this_machine_only() {
    let mut dev = Server::start(&["dev", "--json", "--listen", "0.0.0.0:0"]);
    // with no more than its end to wait for, a server that listens would be waited for without one
    let announced = dev.lines.next();
    assert!(announced.is_none(), "it listens: {announced:?}");
    assert_eq!(dev.child.wait().unwrap().code(), Some(1));
}
