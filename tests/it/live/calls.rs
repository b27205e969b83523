//! Requests on a live socket.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::client::Client;
use super::world::{World, Writer};

fn post(id: &str, thread: &str, text: &str) -> Value {
    json!({
        "type": "call", "id": id, "method": "POST", "path": format!("/v1/threads/{thread}/items"),
        "headers": { "Idempotency-Key": id },
        "body": { "role": "user", "parts": [{ "type": "text", "text": text }] },
    })
}

#[tokio::test]
async fn pipelined_calls_are_answered_each_once() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    // More than may be in flight: the rest waits in the pipe.
    for number in 0..600 {
        client.send(post(&number.to_string(), "t", "x")).await;
    }
    let mut results = HashMap::new();
    while results.len() < 600 {
        let frame = client.next().await;
        assert_eq!(
            (&frame["type"], &frame["status"]),
            (&json!("result"), &json!(201)),
            "{frame}"
        );
        let id = frame["id"].as_str().unwrap().to_owned();
        assert!(
            results.insert(id, frame["body"]["$id"].clone()).is_none(),
            "twice: {frame}"
        );
    }
    // The same again: the same items.
    for number in [0, 300, 599] {
        client.send(post(&number.to_string(), "t", "x")).await;
        let again = client.next().await;
        assert_eq!(
            again["body"]["$id"],
            results[&number.to_string()],
            "{again}"
        );
    }
    // The same wish with another body is another wish.
    client.send(post("0", "t", "other")).await;
    let refused = client.next().await;
    assert_eq!(
        (&refused["status"], &refused["body"]["type"]),
        (&json!(409), &json!("idempotency_key_reused"))
    );
}

#[tokio::test]
async fn a_result_is_the_answer_of_http() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    for (method, path) in [
        ("GET", "/v1/threads/t"),
        (
            "GET",
            "/v1/threads?queries[]=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B1%5D%7D",
        ),
        ("GET", "/v1/threads/never"),
        ("GET", "/v1/health"),
        ("DELETE", "/v1/threads/never"),
    ] {
        client
            .send(json!({ "type": "call", "id": "c", "method": method, "path": path }))
            .await;
        let result = client.next().await;
        let answer = server.with_key(&writer.key, method, path, None).await;
        assert_eq!(result["status"], answer.status, "{method} {path}");
        assert_eq!(result["body"], answer.body, "{method} {path}");
        assert_eq!(
            result["cursor"].as_str(),
            answer.cursor.as_deref(),
            "{method} {path}"
        );
    }
    client
        .send(json!({ "type": "call", "id": "d", "method": "DELETE", "path": "/v1/threads/t" }))
        .await;
    let result = client.next().await;
    assert_eq!((&result["status"], result.get("body")), (&json!(204), None));
    // Its own write's cursor begins right after it.
    client
        .subscribe("rows", "threads", result["cursor"].clone())
        .await;
    assert_eq!(client.past("rows").await, Vec::<Value>::new());
}
