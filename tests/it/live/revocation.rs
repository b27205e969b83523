//! A right that is taken away ends what rests on it: at the next frame, and on idle sockets too.

use everlog_domain::access::Scopes;
use serde_json::{Value, json};

use super::client::{Client, Closed, told};
use super::world::{World, Writer};

#[tokio::test]
async fn a_deleted_session_closes_its_sockets_though_they_are_idle() {
    let world = World::new().await;
    let server = &world.server;
    let session = server.person("ann").await;
    let other = server.person("bob").await;
    let mut idle = Client::with_session(server, &session).await;
    let mut subscribed = Client::with_session(server, &session).await;
    subscribed.subscribe("a", "threads", json!(null)).await;
    let mut bystander = Client::with_session(server, &other).await;
    bystander.subscribe("a", "threads", json!(null)).await;
    let headers = [
        ("x-appwrite-project", "one"),
        ("x-appwrite-session", &session),
    ];
    let gone = server
        .ask("DELETE", "/v1/account/sessions/current", &headers, None)
        .await;
    assert_eq!(gone.status, 204, "{gone:?}");
    for client in [&mut idle, &mut subscribed] {
        let mut last = Value::Null;
        let closed = loop {
            match client.receive().await {
                Ok(frame) => last = frame,
                Err(closed) => break closed,
            }
        };
        assert_eq!(
            (&last["errorType"], closed),
            (&json!("user_unauthorized"), Closed { code: 4401 })
        );
    }
    bystander.settle().await;
}

#[tokio::test]
async fn a_revoked_key_closes_its_sockets() {
    let world = World::new().await;
    let server = &world.server;
    let revoked = server.key("one", Scopes::all()).await;
    let kept = server.full_key("one").await;
    let mut gone = Client::with_key(server, &revoked.reveal()).await;
    let mut stays = Client::with_key(server, &kept).await;
    for client in [&mut gone, &mut stays] {
        client.subscribe("a", "items", json!("start")).await;
    }
    server.revoke_key("one", revoked.key).await;
    assert_eq!(gone.closed().await, Closed { code: 4401 });
    stays.settle().await;
}

#[tokio::test]
async fn a_lost_thread_leaves_and_the_socket_goes_on() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    for (thread, lose) in [("a", 0), ("b", 1), ("c", 2)] {
        writer.thread(thread, &["ann"]).await;
        writer.permit(thread, &["read(\"users\")"]).await;
        let mut client = Client::with_session(server, &session).await;
        client
            .subscribe("whole", &format!("threads/{thread}"), json!(null))
            .await;
        client
            .subscribe("items", &format!("threads/{thread}/items"), json!("start"))
            .await;
        client.past("items").await;
        match lose {
            0 => {
                writer.permit(thread, &[]).await;
                writer.part(thread, "ann").await;
            }
            1 => {
                writer.part(thread, "ann").await;
                writer.permit(thread, &["read(\"user:bob\")"]).await;
            }
            _ => drop(writer.delete(thread).await),
        }
        if lose < 2 {
            writer.post(thread, "hidden").await;
        }
        let (mut left, mut seen) = (0, Vec::new());
        while left < 2 {
            let frame = client.next().await;
            left += usize::from(frame["type"] == "leave");
            seen.push(frame.to_string());
        }
        let hidden = seen.iter().any(|frame| frame.contains("hidden"));
        assert!(!hidden, "{thread}: {seen:?}");
        let again = client
            .subscribe("again", &format!("threads/{thread}"), json!(null))
            .await;
        assert_eq!(again["errorType"], "thread_not_found");
        // The ids are free again: the subscriptions are over.
        writer.thread("still", &["ann"]).await;
        for id in ["whole", "items"] {
            assert_eq!(
                client.subscribe(id, "threads/still", json!(null)).await["type"],
                "snapshot"
            );
        }
        writer.delete("still").await;
    }
}

/// Readers that are still in the past learn of a revocation at their next frame, not when they get
/// there.
#[tokio::test]
async fn a_revocation_cuts_a_reader_that_is_far_behind() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &["ann"]).await;
    let text = "x".repeat(2_000);
    for number in 0..300 {
        writer.post("t", &format!("{number} {text}")).await;
    }
    let cookie = format!("a_session_one={session}");
    let headers = [("cookie", cookie.as_str())];
    for (id, resource) in [
        ("own", "threads/t/items"),
        ("all", "items"),
        ("rows", "threads"),
    ] {
        // A pipe that holds a few frames: the server is stuck in the past until they are read.
        let mut client = Client::connect(server, "/v1/live?project=one", &headers, 8_192)
            .await
            .unwrap();
        client.next().await;
        client.ask_for(id, resource, json!("start"), &[]).await;
        for _ in 0..5 {
            client.next().await;
        }
        writer.part("t", "ann").await;
        let mut bytes = 0;
        loop {
            let frame = client.next().await;
            if frame["type"] == "leave" {
                break;
            }
            bytes += frame.to_string().len();
        }
        assert!(
            bytes < 50_000,
            "{bytes} bytes after the revocation in {resource}"
        );
        writer.join("t", "ann").await;
    }
}

#[tokio::test]
async fn a_deleted_session_cuts_a_reader_that_does_not_read() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &["ann"]).await;
    for number in 0..100 {
        writer
            .post("t", &format!("{number} {}", "x".repeat(2_000)))
            .await;
    }
    let cookie = format!("a_session_one={session}");
    let headers = [("cookie", cookie.as_str())];
    let mut stalled = Client::connect(server, "/v1/live?project=one", &headers, 4_096)
        .await
        .unwrap();
    stalled.next().await;
    stalled
        .ask_for("a", "threads/t/items", json!("start"), &[])
        .await;
    stalled.next().await;
    let headers = [
        ("x-appwrite-project", "one"),
        ("x-appwrite-session", session.as_str()),
    ];
    server
        .ask("DELETE", "/v1/account/sessions/current", &headers, None)
        .await;
    // The task of its socket ends although nobody reads: it is the only one.
    server.edge.stopping.tasks.close();
    let ended = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        server.edge.stopping.tasks.wait(),
    );
    ended.await.expect("the socket of a deleted session ends");
    let mut seen = 0;
    while stalled.receive().await.is_ok() {
        seen += 1;
    }
    assert!(seen < 50, "{seen} frames");
}

/// Who regains a right sees what comes then, and only what they might see at its time.
#[tokio::test]
async fn a_right_that_comes_back_begins_anew() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &["ann"]).await;
    let mut client = Client::with_session(server, &session).await;
    client.subscribe("a", "threads/t/items", json!(null)).await;
    writer.post("t", "1").await;
    writer.part("t", "ann").await;
    let left = client.find("a", &["leave"]).await;
    assert_eq!(left["ended"], true);
    let cursor = client.cursor("a").unwrap();
    writer.post("t", "hidden").await;
    writer.join("t", "ann").await;
    writer.post("t", "2").await;
    client
        .subscribe("a", "threads/t/items", json!(cursor))
        .await;
    assert_eq!(told(&client.past("a").await), ["item.posted 2"]);
}
