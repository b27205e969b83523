//! Many subscriptions on one socket, many sockets on one thread.

use std::collections::HashSet;

use serde_json::json;

use super::client::Client;
use super::world::{World, Writer};

#[tokio::test]
async fn a_thousand_subscriptions_and_not_one_more() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    for number in 0..20 {
        writer.thread(&format!("t{number}"), &[]).await;
    }
    let mut client = Client::with_key(server, &writer.key).await;
    for number in 0..1_000 {
        let resource = format!("threads/t{}/items", number % 20);
        client
            .subscribe(&number.to_string(), &resource, json!("start"))
            .await;
    }
    let refused = client.subscribe("1000", "threads", json!(null)).await;
    assert_eq!(refused["errorType"], "live_too_many_subscriptions");
    writer.post("t7", "x").await;
    let mut reached = HashSet::new();
    while reached.len() < 50 {
        let frame = client.next().await;
        if frame["type"] == "event" {
            assert_eq!(frame["event"]["threadId"], "t7");
            assert!(
                reached.insert(frame["id"].as_str().unwrap().to_owned()),
                "twice: {frame}"
            );
        }
    }
    assert!(
        reached
            .iter()
            .all(|id| id.parse::<u32>().unwrap() % 20 == 7)
    );
    // A place that is given back is a place.
    client
        .send(json!({ "type": "unsubscribe", "id": "7" }))
        .await;
    client.find("7", &["unsubscribed"]).await;
    client
        .subscribe("1000", "threads/t7/items", json!(null))
        .await;
    let last = writer.post("t7", "y").await.cursor.unwrap();
    client.links_until("1000", &last).await;
}

#[tokio::test]
async fn many_sockets_see_the_same() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = Client::with_key(server, &writer.key).await;
        client.subscribe("a", "threads/t/items", json!(null)).await;
        clients.push(client);
    }
    let mut last = String::new();
    for number in 0..20 {
        last = writer.post("t", &number.to_string()).await.cursor.unwrap();
    }
    let mut expected = None;
    for client in &mut clients {
        let seen = client.links_until("a", &last).await;
        assert_eq!(seen.len(), 21, "caughtUp and 20 items");
        assert_eq!(&seen, expected.get_or_insert_with(|| seen.clone()));
    }
}
