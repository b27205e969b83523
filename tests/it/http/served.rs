//! `everlog serve` of the built program: nothing starts open.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::binary::{PROGRAM, client, text};

const HEADER: &str = "X-Everlog-Setup-Token";

struct Served {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    endpoint: String,
    /// What it printed for the operator, if it did.
    token: Option<String>,
}

impl Served {
    /// Serves, and reads what it prints until it says where it listens.
    fn start(data: &Path) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data", text(data)]);
        command.env_remove("EVERLOG_LOG");
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut token = None;
        let address = loop {
            let line = errors.next().expect("it serves").unwrap();
            if let Some(printed) = line.trim().strip_prefix(&format!("{HEADER}: ")) {
                token = Some(printed.to_owned());
            }
            let logged: Option<Value> = serde_json::from_str(&line).ok();
            if let Some(address) =
                logged.and_then(|line| Some(line["fields"]["address"].as_str()?.to_owned()))
            {
                break address;
            }
        };
        Self {
            child,
            errors,
            endpoint: format!("http://{address}/v1"),
            token,
        }
    }

    async fn register(&self, token: Option<&str>) -> StatusCode {
        let body = json!({ "userId": "unique()", "email": "root@example.com", "password": "correct horse" });
        let mut request = client()
            .post(format!("{}/account", self.endpoint))
            .json(&body);
        if let Some(token) = token {
            request = request.header(HEADER, token);
        }
        request.send().await.unwrap().status()
    }

    /// Asks it to stop, and reads all that it still prints.
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.errors.by_ref().for_each(drop);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn serve_takes_its_first_root_user_with_the_token_that_it_prints_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Served::start(&data);
    let unused = first.token.clone().expect("there is no root user yet");
    first.stop();

    let second = Served::start(&data);
    let token = second.token.clone().expect("there is no root user yet");
    assert_ne!(token, unused, "a token is for one start");
    assert_eq!(second.register(None).await, 401);
    assert_eq!(second.register(Some(&unused)).await, 401);
    assert_eq!(second.register(Some(&token)).await, 201);
    assert_eq!(second.register(Some(&token)).await, 403);
    second.stop();

    let third = Served::start(&data);
    assert_eq!(third.token, None, "there is a root user");
    assert_eq!(third.register(Some(&token)).await, 403);
    third.stop();
}
