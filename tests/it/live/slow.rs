//! A reader that does not read loses nothing, costs the server nothing, and slows down nobody.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::client::{Client, told};
use super::world::{Server, World, Writer};

/// More than a ring holds, so that they fall out of it.
const POSTS: usize = 700;

/// A socket that takes little before somebody reads it, with a subscription.
async fn subscribed(server: &Server, writer: &Writer<'_>, resource: &str) -> Client {
    let bearer = format!("Bearer {}", writer.key);
    let headers = [("authorization", bearer.as_str())];
    let connected = Client::connect(server, "/v1/live", &headers, 4_096).await;
    let mut client = connected.unwrap();
    client.next().await;
    client.subscribe("a", resource, json!(null)).await;
    client
}

#[tokio::test]
async fn stalled_readers_catch_up_from_the_log() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let resources = ["threads/t/items", "items", "threads", "threads/t"];
    let mut stalled = Vec::new();
    for resource in resources {
        stalled.push(subscribed(server, &writer, resource).await);
    }
    let mut quick = Client::with_key(server, &writer.key).await;
    quick.subscribe("a", "threads/t/items", json!(null)).await;
    let mut last = String::new();
    for number in 0..POSTS {
        last = writer.post("t", &number.to_string()).await.cursor.unwrap();
        // The quick one is never more than a moment behind.
        if number % 100 == 0 {
            let seen = timeout(Duration::from_secs(10), quick.links_until("a", &last)).await;
            seen.expect("nobody waits for the stalled");
        }
    }
    assert!(
        server.edge.node.hub().bytes() <= 3 * 1024 * 1024,
        "three rings, each bounded"
    );
    for (mut client, resource) in stalled.into_iter().zip(resources) {
        let seen = client.links_until("a", &last).await;
        let posts = seen
            .iter()
            .filter(|link| link["event"]["type"] == "item.posted")
            .count();
        assert_eq!(posts, POSTS, "{resource}");
        if resource != "threads" {
            let texts: Vec<String> = told(&seen)
                .into_iter()
                .filter(|told| told.starts_with("item"))
                .collect();
            let expected: Vec<String> = (0..POSTS)
                .map(|number| format!("item.posted {number}"))
                .collect();
            assert_eq!(texts, expected, "{resource}");
        }
    }
}

/// Sockets that stall at once, and the posts that pass them by: far more than pipe and ring hold.
const STALLED: usize = 100;
const PASSING: usize = 600;

#[tokio::test]
async fn a_hundred_stalled_readers_cost_what_one_ring_does() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(subscribed(server, &writer, "threads/t/items").await);
    }
    let hub = server.edge.node.hub();
    let mut last = String::new();
    for number in 0..PASSING {
        last = writer.post("t", &number.to_string()).await.cursor.unwrap();
        let (rings, bytes) = (hub.rings(), hub.bytes());
        assert_eq!(rings, 1, "whoever watches the same shares a ring");
        assert!(bytes <= 1024 * 1024, "{bytes} bytes after {number} posts");
    }
    for client in &mut stalled {
        let seen = client.links_until("a", &last).await;
        let posts = seen
            .iter()
            .filter(|link| link["event"]["type"] == "item.posted");
        assert_eq!(posts.count(), PASSING);
    }
}

#[tokio::test]
async fn what_nobody_watches_any_more_is_forgotten() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    for (id, resource) in [("a", "threads/t"), ("b", "threads/t/items"), ("c", "items")] {
        client.subscribe(id, resource, json!(null)).await;
    }
    let last = writer.post("t", "x").await.cursor.unwrap();
    client.links_until("c", &last).await;
    let hub = server.edge.node.hub();
    assert_eq!(hub.rings(), 2);
    assert!(hub.bytes() > 0);
    for id in ["a", "b", "c"] {
        client
            .send(json!({ "type": "unsubscribe", "id": id }))
            .await;
        client.find(id, &["unsubscribed"]).await;
    }
    assert_eq!((hub.rings(), hub.bytes()), (0, 0));
    client.subscribe("a", "threads/t", json!(null)).await;
    drop(client);
    let since = Instant::now();
    while hub.rings() > 0 {
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "a dropped connection keeps its watch"
        );
        tokio::task::yield_now().await;
    }
}

/// What is written of an item changes no row of its thread: it wakes no list of threads, and takes
/// no place in what lists read.
#[tokio::test]
async fn lists_of_threads_sleep_while_items_are_written() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    client.subscribe("a", "threads", json!(null)).await;
    let opened = writer.open("t", "i", "a").await.cursor.unwrap();
    client.links_until("a", &opened).await;
    let hub = server.edge.node.hub();
    let held = hub.bytes();
    assert!(held > 0);
    for _ in 0..POSTS {
        writer.append("t", "i", "b").await;
    }
    assert_eq!(hub.bytes(), held);
    let last = writer.post("t", "x").await.cursor.unwrap();
    let seen = client.links_until("a", &last).await;
    assert_eq!(told(&seen), ["item.posted"]);
}

#[tokio::test]
async fn large_items_pass_through_a_small_pipe() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let bearer = format!("Bearer {}", writer.key);
    let mut client = Client::connect(server, "/v1/live", &[("authorization", &bearer)], 4_096)
        .await
        .unwrap();
    client.next().await;
    client.subscribe("a", "threads/t/items", json!(null)).await;
    let mut last = String::new();
    for number in 0..6 {
        last = writer
            .post("t", &format!("{number}{}", "é".repeat(300_000)))
            .await
            .cursor
            .unwrap();
    }
    let seen: Vec<Value> = client.links_until("a", &last).await;
    let lengths: Vec<usize> = seen
        .iter()
        .filter_map(|link| Some(link["event"]["item"]["parts"][0]["text"].as_str()?.len()))
        .collect();
    assert_eq!(lengths, [600_001; 6]);
}
