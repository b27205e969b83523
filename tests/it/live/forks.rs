//! Forks, live and later.

use serde_json::{Value, json};

use super::client::Client;
use super::world::{World, Writer};

fn ids(items: &Value) -> Vec<&str> {
    let items = items.as_array().unwrap().iter();
    items.map(|item| item["$id"].as_str().unwrap()).collect()
}

fn told(links: &[Value]) -> Vec<(&str, &str)> {
    links
        .iter()
        .filter(|link| link["type"] != "caughtUp")
        .map(|link| {
            let what = link["event"]["type"].as_str();
            let whom = link["event"]["itemId"]
                .as_str()
                .or_else(|| link["threadId"].as_str())
                .or_else(|| link["event"]["item"]["$id"].as_str())
                .or_else(|| link["row"]["$id"].as_str());
            let what = what.or_else(|| link["type"].as_str());
            (what.unwrap(), whom.unwrap_or_default())
        })
        .collect()
}

async fn post(writer: &Writer<'_>, thread: &str, id: &str) -> String {
    let body = json!({ "itemId": id, "role": "user", "parts": [{ "type": "text", "text": id }] });
    let written = writer.write(thread, "POST", "/items", body).await;
    written.cursor.unwrap()
}

#[tokio::test]
async fn a_fork_comes_with_its_items_and_its_copies_are_nobodys_business() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    for id in ["a", "b"] {
        post(&writer, "t", id).await;
    }
    let mut threads = Client::with_key(server, &writer.key).await;
    threads.subscribe("r", "threads", json!(null)).await;
    let mut items = Client::with_key(server, &writer.key).await;
    items.subscribe("i", "items", json!(null)).await;
    let fork = json!({ "threadId": "f" });
    let begun = writer
        .write("t", "POST", "/fork", fork)
        .await
        .cursor
        .unwrap();
    let mut own = Client::with_key(server, &writer.key).await;
    let snapshot = own.subscribe("f", "threads/f", json!(null)).await;
    assert_eq!(ids(&snapshot["items"]), ["a", "b"]);
    assert_eq!(snapshot["thread"]["forkedFrom"], json!({ "threadId": "t" }));

    let edit = json!({ "parts": [{ "type": "text", "text": "anew" }] });
    writer.write("f", "PATCH", "/items/a", edit).await;
    writer.write("f", "PUT", "/items/b/pin", Value::Null).await;
    let end = post(&writer, "f", "c").await;
    let expected = [
        ("item.edited", "a"),
        ("item.pinned", "b"),
        ("item.posted", "c"),
    ];
    let seen = own.links_until("f", &end).await;
    assert_eq!(told(&seen), expected);

    let seen = threads.links_until("r", &end).await;
    assert_eq!(told(&seen)[0], ("enter", "f"));
    let seen = items.links_until("i", &end).await;
    let everywhere: Vec<_> = [("enter", "f")].into_iter().chain(expected).collect();
    assert_eq!(told(&seen), everywhere);

    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("f", "threads/f", json!(begun)).await;
    assert_eq!(told(&late.past("f").await), expected);
    late.subscribe("i", "items", json!("start")).await;
    let past = late.past("i").await;
    assert_eq!(told(&past)[2..], everywhere);
    late.subscribe("s", "threads/f", json!("start")).await;
    let past = late.past("s").await;
    assert_eq!(told(&past)[0].0, "thread.forked");
    assert_eq!(told(&past)[1..], expected);
}
