//! The first conversation of the README, as written.

use std::process::{Command, Stdio};

use serde_json::{Deserializer, Value, json};

use super::binary::Server;
use crate::said::report_skip;

const README: &str = include_str!("../../../README.md");

/// curl as the reader runs it, but a refusal is an error.
const CURL: &str = "curl() { command curl --fail-with-body --noproxy '*' \"$@\"; }";

/// The commands below the heading, without those by which the reader says where the server is.
fn commands() -> String {
    let (_, section) = README.split_once("## A first conversation").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let (set_up, commands): (Vec<&str>, Vec<&str>) =
        block.lines().partition(|line| line.starts_with("export "));
    assert_eq!(set_up.len(), 2, "KEY and API: {set_up:?}");
    commands.join("\n")
}

fn has(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

#[test]
fn the_first_conversation_works_as_written() {
    if !has("curl") || !has("bash") {
        return report_skip("the README's first conversation: it needs bash and curl");
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::dev(&data);
    let announced = server.announcement();
    let field = |name: &str| announced[name].as_str().unwrap().to_owned();
    let run = Command::new("bash")
        .args(["-e", "-c", &format!("{CURL}\n{}", commands())])
        .env("KEY", field("key"))
        .env("API", field("endpoint"))
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{}: {said}", run.status);

    let answers: Vec<Value> = Deserializer::from_str(&said)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    let list = answers.last().unwrap();
    let shown = |item: &Value| {
        json!({
            "role": item["role"],
            "status": item["status"],
            "text": item["parts"][0]["text"],
        })
    };
    let items: Vec<Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(shown)
        .collect();
    assert_eq!(list["total"], 2);
    assert_eq!(
        items,
        [
            json!({ "role": "user", "status": "finished", "text": "Hello, Everlog" }),
            json!({ "role": "assistant", "status": "finished", "text": "Hello to you." }),
        ]
    );
    assert_eq!(server.stop(), Some(0));
}
