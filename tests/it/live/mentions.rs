//! Mentions as subscribers see them, live and later.

use serde_json::{Value, json};

use super::client::Client;
use super::world::{World, Writer};

/// Items that mention, in all ways; the cursor of the last change.
async fn mentioned(writer: &Writer<'_>) -> String {
    let item = |id: &str, more: Value| {
        let mut body = json!({ "itemId": id, "role": "user" });
        let fields = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        body
    };
    let everyone = item("a", json!({ "mentions": ["everyone"] }));
    writer.write("t", "POST", "/items", everyone).await;
    let open = item(
        "b",
        json!({ "status": "open", "mentions": ["agent:tutor"] }),
    );
    writer.write("t", "POST", "/items", open).await;
    let none = json!({ "mentions": [] });
    writer.write("t", "POST", "/items/b/finish", none).await;
    let tutor = json!({ "mentions": ["agent:tutor"] });
    writer.write("t", "PATCH", "/items/a", tutor).await;
    let tokens = json!({ "tokens": 3 });
    let last = writer.write("t", "PATCH", "/items/a", tokens).await;
    last.cursor.unwrap()
}

#[tokio::test]
async fn items_bring_their_mentions_live_and_later_alike() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let member = json!({ "role": "member" });
    writer
        .write("t", "PUT", "/participants/agent:tutor", member)
        .await;
    let mut live = Client::with_key(server, &writer.key).await;
    live.subscribe("t", "threads/t/items", json!(null)).await;
    let end = mentioned(&writer).await;
    let events = |links: &[Value]| -> Vec<Value> {
        let events = links.iter().filter(|link| link["type"] == "event");
        events.map(|link| link["event"].clone()).collect()
    };
    let seen = events(&live.links_until("t", &end).await);
    let mentions: Vec<&Value> = seen
        .iter()
        .map(|event| &event["item"]["mentions"])
        .collect();
    assert_eq!(
        mentions,
        [
            &json!(["everyone"]),
            &json!(["agent:tutor"]),
            &json!([]),
            &json!(["agent:tutor"]),
            &Value::Null,
        ],
        "the last edit left them as they were"
    );
    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("t", "threads/t/items", json!("start")).await;
    let past = events(&late.past("t").await);
    assert_eq!(past, seen);
}
