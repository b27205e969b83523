//! What is there when a subscription begins.

use serde_json::{Value, json};

use super::client::{Client, told};
use super::world::{World, Writer};

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row["$id"].as_str().unwrap())
        .collect()
}

fn texts(items: &Value) -> Vec<&str> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item["parts"][0]["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_newest_items_come_oldest_first() {
    let world = World::new().await;
    let writer = Writer::new(&world.server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(&world.server, &writer.key).await;
    let empty = client
        .subscribe("empty", "threads/t/items", json!(null))
        .await;
    assert_eq!(
        (&empty["items"], &empty["more"]),
        (&json!([]), &json!(false))
    );
    for number in 0..30 {
        writer.post("t", &number.to_string()).await;
    }
    let limit = |limit| [json!({ "method": "limit", "values": [limit] })];
    let page = client.subscribe("a", "threads/t/items", json!(null)).await;
    let expected: Vec<String> = (5..30).map(|number| number.to_string()).collect();
    assert_eq!(texts(&page["items"]), expected);
    assert_eq!(page["more"], true);
    let all = client
        .subscribe_with("b", "threads/t/items", json!(null), &limit(30))
        .await;
    assert_eq!(
        (texts(&all["items"]).len(), &all["more"]),
        (30, &json!(false))
    );
    let one = client
        .subscribe_with("c", "threads/t", json!(null), &limit(1))
        .await;
    assert_eq!(
        (texts(&one["items"]), &one["more"]),
        (vec!["29"], &json!(true))
    );
    assert_eq!(one["thread"]["$id"], "t");
}

#[tokio::test]
async fn a_snapshot_of_large_items_ends_early() {
    let world = World::new().await;
    let writer = Writer::new(&world.server).await;
    writer.thread("t", &[]).await;
    for number in 0..4 {
        writer
            .post("t", &format!("{number}{}", "x".repeat(400_000)))
            .await;
    }
    let mut client = Client::with_key(&world.server, &writer.key).await;
    let page = client.subscribe("a", "threads/t/items", json!(null)).await;
    let first = texts(&page["items"])
        .iter()
        .map(|text| text.as_bytes()[0])
        .collect::<Vec<_>>();
    assert_eq!(
        (first.as_slice(), &page["more"]),
        (b"123".as_slice(), &json!(true))
    );
}

#[tokio::test]
async fn an_open_item_stands_there_with_all_that_was_written() {
    let world = World::new().await;
    let writer = Writer::new(&world.server).await;
    writer.thread("t", &[]).await;
    writer.open("t", "i", "a").await;
    for text in ["b", "c"] {
        writer.append("t", "i", text).await;
    }
    let mut client = Client::with_key(&world.server, &writer.key).await;
    let page = client.subscribe("a", "threads/t/items", json!(null)).await;
    assert_eq!(
        (texts(&page["items"]), &page["items"][0]["status"]),
        (vec!["abc"], &json!("open"))
    );
    writer.append("t", "i", "d").await;
    let cursor = writer.finish("t", "i").await.cursor.unwrap();
    let links = client.links_until("a", &cursor).await;
    assert_eq!(
        told(&links),
        ["caughtUp", "item.delta d", "item.finished abcd"]
    );
}

#[tokio::test]
async fn threads_come_in_the_order_of_the_query() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    for id in ["c", "a", "b"] {
        writer.thread(id, &["ann"]).await;
    }
    writer.thread("hidden", &[]).await;
    let session = server.person("ann").await;
    let mut client = Client::with_session(server, &session).await;
    let by_name = json!({ "method": "orderDesc", "attribute": "name" });
    let two = json!({ "method": "limit", "values": [2] });
    let not_b = json!({ "method": "notEqual", "attribute": "name", "values": ["b"] });
    for (id, queries, expected, more) in [
        ("1", vec![by_name.clone()], vec!["c", "b", "a"], false),
        ("2", vec![by_name.clone(), two], vec!["c", "b"], true),
        ("3", vec![by_name, not_b], vec!["c", "a"], false),
    ] {
        let snapshot = client
            .subscribe_with(id, "threads", json!(null), &queries)
            .await;
        assert_eq!(ids(&snapshot["threads"]), expected, "{queries:?}");
        assert_eq!(snapshot["more"], more, "{queries:?}");
    }
}

#[tokio::test]
async fn nothing_is_missing_between_a_snapshot_and_what_follows() {
    let world = World::new().await;
    let writer = Writer::new(&world.server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(&world.server, &writer.key).await;
    let limit = [json!({ "method": "limit", "values": [100] })];
    let ids: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
    let posting = async {
        let mut last = None;
        for number in 0..60 {
            last = writer.post("t", &number.to_string()).await.cursor;
        }
        last.unwrap()
    };
    let subscribing = async {
        for id in &ids {
            client
                .ask_for(id, "threads/t/items", json!(null), &limit)
                .await;
        }
        let mut frames = Vec::new();
        while frames
            .iter()
            .filter(|frame: &&Value| frame["type"] == "snapshot")
            .count()
            < 20
        {
            frames.push(client.next().await);
        }
        frames
    };
    let (last, mut frames) = tokio::join!(posting, subscribing);
    let is_last = |frame: &&Value, id: &str| frame["id"] == id && frame["cursor"] == *last;
    let ended = |id: &String, frames: &[Value]| frames.iter().any(|frame| is_last(&frame, id));
    while !ids.iter().all(|id| ended(id, &frames)) {
        frames.push(client.next().await);
    }
    let expected: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    for id in &ids {
        let mut seen = Vec::new();
        for frame in frames.iter().filter(|frame| frame["id"] == *id) {
            match frame["type"].as_str() {
                Some("snapshot") => {
                    seen.extend(texts(&frame["items"]).into_iter().map(str::to_owned))
                }
                Some("event") => seen.push(
                    frame["event"]["item"]["parts"][0]["text"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                ),
                _ => {}
            }
        }
        assert_eq!(seen, expected, "subscription {id}");
    }
}
