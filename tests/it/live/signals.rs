//! Who is there and who types: seen by those who may read the thread and asked for it, by nobody else, and never in
//! the log.

use everlog_domain::access::Scopes;
use serde_json::{Value, json};

use super::client::Client;
use super::world::{Answer, Server, World, Writer};

/// Subscribes to a thread, and is there.
async fn enters(client: &mut Client, id: &str, resource: &str) -> Value {
    client.track(id);
    let frame = json!({ "type": "subscribe", "id": id, "resource": resource, "signals": true });
    client.send(frame).await;
    client.find(id, &["signals", "error"]).await
}

async fn typing(server: &Server, session: &str, method: &str, thread: &str) -> Answer {
    let headers = [
        ("x-appwrite-project", "one"),
        ("x-appwrite-session", session),
    ];
    let path = format!("/v1/threads/{thread}/typing");
    server.ask(method, &path, &headers, None).await
}

fn typists(frame: &Value) -> Vec<&str> {
    let typing = frame["typing"].as_array().unwrap().iter();
    typing
        .map(|typist| typist["principal"].as_str().unwrap())
        .collect()
}

async fn next_signals(client: &mut Client, id: &str) -> Value {
    client.find(id, &["signals"]).await
}

#[tokio::test]
async fn only_who_may_post_says_that_it_types() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &["ann"]).await;
    let body = json!({ "role": "viewer" });
    writer
        .write("t", "PUT", "/participants/user:eve", body)
        .await;
    let ann = server.person("ann").await;
    let eve = server.person("eve").await;
    let stranger = server.person("bob").await;
    for method in ["PUT", "DELETE"] {
        for (session, thread, status, kind) in [
            (&stranger, "t", 404, "thread_not_found"),
            (&ann, "none", 404, "thread_not_found"),
            (&eve, "t", 401, "thread_access_forbidden"),
        ] {
            let refused = typing(server, session, method, thread).await;
            assert_eq!(
                (refused.status, refused.body["type"].as_str()),
                (status, Some(kind)),
                "{method} {thread}"
            );
        }
        let guest = server
            .ask(
                method,
                "/v1/threads/t/typing",
                &[("x-appwrite-project", "one")],
                None,
            )
            .await;
        assert!([401, 404].contains(&guest.status), "{guest:?}");
        let reader = Scopes::parse(&["threads.read"]).unwrap();
        let reader = server.key("one", reader).await.reveal();
        let refused = server
            .with_key(&reader, method, "/v1/threads/t/typing", None)
            .await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert_eq!(typing(server, &ann, method, "t").await.status, 204);
    }
}

#[tokio::test]
async fn signals_are_of_one_thread_that_the_caller_may_read() {
    let world = World::new().await;
    let server = &world.server;
    Writer::new(server).await.thread("t", &["ann"]).await;
    let ann = server.person("ann").await;
    let stranger = server.person("bob").await;
    let mut own = Client::with_session(server, &ann).await;
    for resource in ["threads", "items"] {
        let refused = enters(&mut own, "a", resource).await;
        assert_eq!(refused["errorType"], "live_signals_not_here", "{resource}");
    }
    let mut other = Client::with_session(server, &stranger).await;
    let refused = enters(&mut other, "a", "threads/t").await;
    assert_eq!(refused["errorType"], "thread_not_found");
    let there = enters(&mut own, "a", "threads/t").await;
    assert_eq!(
        there["present"],
        json!(["user:ann"]),
        "who was refused is not there"
    );
}

#[tokio::test]
async fn those_who_are_there_see_each_other_come_type_and_go() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let made = writer.thread("t", &["ann", "bob"]).await;
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut one = Client::with_session(server, &ann).await;
    let mut silent = Client::with_session(server, &bob).await;
    silent.subscribe("s", "threads/t", json!(null)).await;
    let there = enters(&mut one, "a", "threads/t/items").await;
    assert_eq!(
        (&there["present"], &there["presentTotal"]),
        (&json!(["user:ann"]), &json!(1)),
        "who did not ask is not there"
    );
    let mut two = Client::with_session(server, &bob).await;
    let there = enters(&mut two, "b", "threads/t").await;
    assert_eq!(there["present"], json!(["user:ann", "user:bob"]));
    let there = next_signals(&mut one, "a").await;
    assert_eq!(there["present"], json!(["user:ann", "user:bob"]));

    assert_eq!(typing(server, &bob, "PUT", "t").await.status, 204);
    assert_eq!(typists(&next_signals(&mut one, "a").await), ["user:bob"]);
    assert_eq!(typists(&next_signals(&mut two, "b").await), ["user:bob"]);
    assert_eq!(typing(server, &bob, "DELETE", "t").await.status, 204);
    assert!(typists(&next_signals(&mut one, "a").await).is_empty());

    two.send(json!({ "type": "unsubscribe", "id": "b" })).await;
    let there = next_signals(&mut one, "a").await;
    assert_eq!(there["present"], json!(["user:ann"]));

    let frames = silent.settle().await;
    let seen = |frame: &Value| frame["type"] == "signals";
    assert!(!frames.iter().any(seen), "{frames:?}");
    let read = writer
        .server
        .with_key(&writer.key, "GET", "/v1/threads/t", None)
        .await;
    assert_eq!(
        read.cursor,
        made.cursor.map(|_| one.cursor("a").unwrap()),
        "nothing of it is in the log"
    );
}

#[tokio::test]
async fn who_is_removed_sees_nothing_more_and_is_not_there() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &["ann", "bob"]).await;
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut one = Client::with_session(server, &ann).await;
    let mut two = Client::with_session(server, &bob).await;
    enters(&mut one, "a", "threads/t").await;
    enters(&mut two, "b", "threads/t").await;
    assert_eq!(next_signals(&mut one, "a").await["presentTotal"], 2);
    writer.part("t", "bob").await;
    let there = next_signals(&mut one, "a").await;
    assert_eq!(there["present"], json!(["user:ann"]));
    let ended = two.find("b", &["leave", "signals"]).await;
    assert_eq!(ended["ended"], true);
    assert_eq!(typing(server, &ann, "PUT", "t").await.status, 204);
    next_signals(&mut one, "a").await;
    let frames = two.settle().await;
    assert!(frames.is_empty(), "{frames:?}");
}
