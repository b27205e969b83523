//! What a project may use at most: its writes, its storage, its sockets. Others notice nothing.

use everlog_domain::projects::Quotas;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use super::client::Client;
use super::world::{Answer, Server, World};

const EXCEEDED: &str = "project_quota_exceeded";

async fn post(server: &Server, key: &str, number: u32) -> Answer {
    let body = json!({
        "itemId": format!("i{number}"),
        "role": "user",
        "parts": [{ "type": "text", "text": "x".repeat(200) }],
    });
    let path = "/v1/threads/t/items";
    server.with_key(key, "POST", path, Some(body)).await
}

/// A thread `t`, and a key to write with.
async fn begun(server: &Server, project: &str) -> String {
    let key = server.full_key(project).await;
    let body = json!({ "threadId": "t" });
    server.granted(&key, "POST", "/v1/threads", body).await;
    key
}

#[tokio::test]
async fn writes_beyond_the_rate_are_refused_and_told_when_to_come_back() {
    let world = World::new().await;
    let server = &world.server;
    let (one, two) = (begun(server, "one").await, begun(server, "two").await);
    let quotas = Quotas {
        writes_per_second: Some(3),
        ..Quotas::default()
    };
    server.set_quotas("one", quotas).await;
    let mut granted = 0;
    let refused = loop {
        let answer = post(server, &one, granted).await;
        if answer.status != 201 {
            break answer;
        }
        granted += 1;
    };
    assert!(granted >= 3, "{granted} at once");
    assert_eq!(
        (refused.status, refused.body["type"].as_str()),
        (429, Some(EXCEEDED))
    );
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    let listed = server
        .with_key(&one, "GET", "/v1/threads/t/items", None)
        .await;
    assert_eq!(
        listed.body["total"], granted,
        "reads go on, and what was refused is not there"
    );
    for number in 0..20 {
        assert_eq!(post(server, &two, number).await.status, 201, "{number}");
    }
    server.set_quotas("one", Quotas::default()).await;
    for number in 100..120 {
        assert_eq!(post(server, &one, number).await.status, 201, "{number}");
    }
}

#[tokio::test]
async fn a_full_project_takes_no_more_also_after_a_restart() {
    let world = World::new().await;
    let one = begun(&world.server, "one").await;
    let two = begun(&world.server, "two").await;
    let number = world.server.number("one");
    let stored = || world.server.edge.node.log().stored_bytes(number).unwrap();
    let before = stored();
    assert_eq!(post(&world.server, &one, 0).await.status, 201);
    let item = stored() - before;
    assert!((200..2_000).contains(&item), "an item takes {item} bytes");
    let quotas = Quotas {
        storage_bytes: Some(stored() + 2 * item),
        ..Quotas::default()
    };
    world.server.set_quotas("one", quotas).await;
    let mut granted = 0;
    let refused = loop {
        let answer = post(&world.server, &one, 1 + granted).await;
        if answer.status != 201 {
            break answer;
        }
        granted += 1;
    };
    assert!((2..=3).contains(&granted), "{granted} fit");
    assert_eq!(
        (refused.status, refused.body["type"].as_str()),
        (429, Some(EXCEEDED))
    );
    assert_eq!(refused.retry_after, None, "waiting does not help");
    let full = stored();
    let world = world.restart().await;
    let server = &world.server;
    let number = server.number("one");
    assert_eq!(server.edge.node.log().stored_bytes(number), Ok(full));
    assert_eq!(post(server, &one, 99).await.status, 429);
    assert_eq!(post(server, &two, 99).await.status, 201);
}

#[tokio::test]
async fn sockets_beyond_the_quota_are_refused_until_one_closes() {
    let world = World::new().await;
    let server = &world.server;
    let (one, two) = (server.full_key("one").await, server.full_key("two").await);
    let quotas = Quotas {
        connections: Some(1),
        ..Quotas::default()
    };
    server.set_quotas("one", quotas).await;
    let mut held = Client::with_key(server, &one).await;
    let bearer = format!("Bearer {one}");
    let second = Client::connect(server, "/v1/live", &[("authorization", &bearer)], 4_096).await;
    let Err(Error::Http(answer)) = second else {
        panic!("a second socket was opened");
    };
    assert_eq!(answer.status(), 429);
    Client::with_key(server, &two).await.settle().await;
    held.settle().await;
}
