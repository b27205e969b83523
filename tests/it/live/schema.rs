//! The schema of the frames, and that the documentation and it agree.

use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

static SERVER_FRAME: LazyLock<Validator> = LazyLock::new(|| validator("serverFrame"));
static CLIENT_FRAME: LazyLock<Validator> = LazyLock::new(|| validator("clientFrame"));

fn docs(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn validator(definition: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(&docs("live.schema.json")).unwrap();
    let schema = schema.as_object_mut().unwrap();
    schema.remove("anyOf");
    schema.insert("$ref".to_owned(), json!(format!("#/$defs/{definition}")));
    jsonschema::validator_for(&Value::Object(schema.clone())).unwrap()
}

/// Holds what the server sent against the schema.
pub(super) fn check_server_frame(frame: &Value) {
    check(&SERVER_FRAME, frame);
}

/// Holds what a client sends against the schema.
pub(super) fn check_client_frame(frame: &Value) {
    check(&CLIENT_FRAME, frame);
}

fn check(validator: &Validator, frame: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(frame)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{frame:#} is not a frame: {errors:?}");
}

#[test]
fn what_is_no_frame_does_not_pass() {
    for frame in [
        json!({}),
        json!({ "type": "hello" }),
        json!({ "type": "pong", "more": 1 }),
        json!({ "type": "caughtUp", "id": "a", "cursor": "mBR0mmIo4gYVJxGfPTp4Rg" }),
        json!({ "type": "event", "id": "a", "prev": null, "cursor": "mBR0mmIo4gYVJxGfPTp4Rg", "event": {} }),
        json!({ "type": "leave", "id": "a", "prev": null, "cursor": "mBR0mmIo4gYVJxGfPTp4Rg" }),
        json!({ "type": "error", "message": "no" }),
    ] {
        assert!(!SERVER_FRAME.is_valid(&frame), "{frame}");
    }
    for frame in [
        json!({ "type": "subscribe", "id": "a" }),
        json!({ "type": "subscribe", "id": "a", "resource": "rows" }),
        json!({ "type": "authenticate", "key": "k", "session": "s" }),
        json!({ "type": "call", "id": "a", "method": "GET", "path": "/metrics" }),
    ] {
        assert!(!CLIENT_FRAME.is_valid(&frame), "{frame}");
    }
}

/// The examples of the documentation are frames, as far as they are written out.
#[test]
fn the_documented_frames_are_frames() {
    let text = docs("live.md");
    let blocks = text
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let frames: Vec<&str> = blocks
        .flat_map(str::lines)
        .filter(|line| !line.is_empty())
        .collect();
    assert!(frames.len() > 15, "the documentation shows frames");
    for text in frames {
        let frame: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        // "…" stands for more than an example needs.
        if !text.contains('…') {
            let known = SERVER_FRAME.is_valid(&frame) || CLIENT_FRAME.is_valid(&frame);
            assert!(known, "{text}");
        }
    }
}
