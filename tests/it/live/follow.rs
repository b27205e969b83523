//! What a subscription brings of each change.

use serde_json::{Value, json};

use super::client::{Client, told};
use super::world::{World, Writer};

/// One of every change of a thread `t`, to the last but its deletion. Answers with its cursor.
async fn live_a_little(writer: &Writer<'_>) -> String {
    writer.thread("t", &["ann"]).await;
    writer.post("t", "hello").await;
    writer.open("t", "i", "a").await;
    writer.append("t", "i", "b").await;
    writer.finish("t", "i").await;
    writer.open("t", "j", "c").await;
    writer.abandon("t", "j").await;
    writer.rename("t", "other").await;
    writer.permit("t", &["read(\"users\")"]).await;
    writer.join("t", "bob").await;
    writer.part("t", "bob").await.cursor.unwrap()
}

const ITEMS: [&str; 6] = [
    "item.posted hello",
    "item.opened a",
    "item.delta b",
    "item.finished ab",
    "item.opened c",
    "item.abandoned c",
];
const CHANGES: [&str; 4] = [
    "thread.updated",
    "thread.permissions.changed",
    "thread.participant.added",
    "thread.participant.removed",
];

#[tokio::test]
async fn each_resource_brings_its_part() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let mut early = Client::with_key(server, &writer.key).await;
    early.subscribe("rows", "threads", json!(null)).await;
    early.past("rows").await;
    let last = live_a_little(&writer).await;
    let rows: Vec<&str> = ["enter t"]
        .into_iter()
        .chain(
            ITEMS
                .iter()
                .filter(|told| !told.starts_with("item.delta"))
                .map(|told| told.split(' ').next().unwrap()),
        )
        .chain(CHANGES)
        .collect();
    let whole: Vec<&str> = ["thread.created"]
        .into_iter()
        .chain(ITEMS)
        .chain(CHANGES)
        .collect();
    let seen = early.links_until("rows", &last).await;
    assert_eq!(told(&seen), rows, "the rows, live");
    for (id, expected) in [
        ("thread", &whole[..]),
        ("own", &ITEMS),
        ("rows", &rows),
        ("items", &ITEMS),
    ] {
        let mut again = Client::with_key(server, &writer.key).await;
        let resource = match id {
            "thread" => "threads/t",
            "own" => "threads/t/items",
            "rows" => "threads",
            _ => "items",
        };
        again.subscribe("a", resource, json!("start")).await;
        let seen = again.past("a").await;
        assert_eq!(told(&seen), expected, "{id}, from the start");
        for link in seen
            .iter()
            .filter(|link| link["type"] == "event" && id == "rows")
        {
            assert_eq!(link["event"]["thread"]["$id"], "t", "the whole row");
            assert_eq!(link["event"].get("item"), None, "no content of items");
        }
    }
}

#[tokio::test]
async fn an_item_looks_as_in_an_answer() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    client.subscribe("a", "threads/t", json!(null)).await;
    let parts = json!([
        { "type": "text", "text": "Grüße \u{1F30A} \"quoted\" \u{0}" },
        { "type": "reasoning", "text": "" },
        { "type": "toolCall", "callId": "c1", "name": "look", "arguments": { "a": [1, 2.5, null] } },
        { "type": "toolResult", "callId": "c1", "result": "x", "isError": true },
        { "type": "file", "fileId": "f", "mimeType": "image/png" },
        { "type": "data", "name": "d", "data": { "deep": { "er": [true] } } },
    ]);
    let body = json!({ "itemId": "i", "role": "tool", "parts": parts, "metadata": { "k": "v" }, "tokens": 3 });
    let posted = server
        .granted(&writer.key, "POST", "/v1/threads/t/items", body)
        .await;
    let opened = writer.open("t", "j", "x").await;
    let finished = writer.finish("t", "j").await;
    let seen = client.links_until("a", &finished.cursor.unwrap()).await;
    let event = |number: usize| &seen[number]["event"];
    assert_eq!(event(1)["item"], posted.body);
    assert_eq!(event(2)["item"], opened.body);
    for field in ["status", "parts", "metadata", "tokens", "$updatedAt"] {
        assert_eq!(event(3)["item"][field], finished.body[field], "{field}");
    }
    let read = server
        .with_key(&writer.key, "GET", "/v1/threads/t/items/i", None)
        .await;
    assert_eq!(event(1)["item"], read.body);
    let thread = server
        .with_key(&writer.key, "GET", "/v1/threads/t", None)
        .await;
    writer.rename("t", "new").await;
    let mut rows = Client::with_key(server, &writer.key).await;
    let snapshot = rows.subscribe("a", "threads", json!(null)).await;
    let mut expected = thread.body;
    expected["name"] = json!("new");
    expected["$updatedAt"] = snapshot["threads"][0]["$updatedAt"].clone();
    assert_eq!(snapshot["threads"][0], expected);
}

#[tokio::test]
async fn filters_of_items_hold_for_whole_lives() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let filter = |attribute: &str, value: &str| json!({ "method": "equal", "attribute": attribute, "values": [value] });
    let cases = [
        (
            "assistants",
            vec![filter("role", "assistant")],
            vec!["item.opened a", "item.delta b", "item.finished ab"],
        ),
        (
            "users of u",
            vec![filter("role", "user"), filter("threadId", "u")],
            vec!["item.posted in u"],
        ),
        (
            "one item",
            vec![filter("$id", "i")],
            vec!["item.opened a", "item.delta b", "item.finished ab"],
        ),
        ("nothing", vec![filter("author", "user:nobody")], vec![]),
    ];
    let mut live = Client::with_key(server, &writer.key).await;
    for (id, queries, _) in &cases {
        live.subscribe_with(id, "items", json!(null), queries).await;
    }
    writer.thread("t", &[]).await;
    writer.thread("u", &[]).await;
    writer.open("t", "i", "a").await;
    writer.post("u", "in u").await;
    writer.append("t", "i", "b").await;
    writer.post("t", "in t").await;
    writer.finish("t", "i").await;
    for (id, queries, expected) in &cases {
        let mut late = Client::with_key(server, &writer.key).await;
        late.subscribe_with("a", "items", json!("start"), queries)
            .await;
        assert_eq!(told(&late.past("a").await), *expected, "{id}");
    }
    let wanted: usize = cases.iter().map(|(_, _, expected)| expected.len()).sum();
    let mut seen: std::collections::HashMap<String, Vec<Value>> = std::collections::HashMap::new();
    while seen.values().map(Vec::len).sum::<usize>() < wanted {
        let frame = live.next().await;
        if frame["type"] == "event" {
            let id = frame["id"].as_str().unwrap().to_owned();
            seen.entry(id).or_default().push(frame);
        }
    }
    for (id, _, expected) in &cases {
        let seen = seen.get(*id).map(|seen| told(seen)).unwrap_or_default();
        assert_eq!(seen, *expected, "{id}, live");
    }
}
