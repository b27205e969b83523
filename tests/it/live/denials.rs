//! What a socket refuses: first of all.

use everlog_domain::access::Scopes;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::{Client, Closed};
use super::world::{World, Writer};

async fn error_of(client: &mut Client, resource: &str, from: Value, queries: &[Value]) -> Value {
    let answer = client.subscribe_with("x", resource, from, queries).await;
    assert_eq!(answer["type"], "error", "{resource}: {answer}");
    answer["errorType"].clone()
}

#[tokio::test]
async fn what_is_no_frame_ends_the_socket() {
    let world = World::new().await;
    let key = world.server.full_key("one").await;
    let too_large = format!(
        r#"{{"type":"ping","id":"{}"}}"#,
        "x".repeat(2 * 1024 * 1024 + 64 * 1024)
    );
    let deep = format!(
        r#"{{"type":"call","id":"a","method":"POST","path":"/v1/threads","body":{}"#,
        "[".repeat(1000)
    );
    for (message, code, kind) in [
        (Message::text("nonsense"), 1008, "live_frame_invalid"),
        (Message::text("{}"), 1008, "live_frame_invalid"),
        (
            Message::text(r#"{"type":"subscribe","id":"a"}"#),
            1008,
            "live_frame_invalid",
        ),
        (Message::text(deep), 1008, "live_frame_invalid"),
        (Message::text(too_large), 1009, "live_frame_too_large"),
        (Message::binary(b"{}".to_vec()), 1003, "live_frame_binary"),
    ] {
        let mut client = Client::with_key(&world.server, &key).await;
        client.send_raw(message).await;
        assert_eq!(client.next().await["errorType"], kind);
        assert_eq!(client.closed().await, Closed { code }, "{kind}");
    }
}

/// Nobody makes the server read a message that is far over the bound.
#[tokio::test]
async fn a_far_too_large_message_is_not_read() {
    let world = World::new().await;
    let key = world.server.full_key("one").await;
    let mut client = Client::with_key(&world.server, &key).await;
    let message = Message::text("x".repeat(16 * 1024 * 1024));
    assert!(
        !client.try_send_raw(message).await,
        "it was read to its end"
    );
    let Closed { code } = client.closed().await;
    assert!([1006, 1009].contains(&code), "{code}");
}

/// A stranger's message is small, so that sockets without a name hold little memory.
#[tokio::test]
async fn a_guests_message_is_small_until_it_has_a_name() {
    let world = World::new().await;
    let server = &world.server;
    let key = server.full_key("one").await;
    let call = json!({
        "type": "call", "id": "a", "method": "POST", "path": "/v1/threads",
        "body": { "metadata": { "a": "x".repeat(80_000) } },
    });
    for named in [false, true] {
        let mut client = Client::connect(server, "/v1/live?project=one", &[], 256 * 1024)
            .await
            .unwrap();
        client.next().await;
        if named {
            client
                .send(json!({ "type": "authenticate", "key": key }))
                .await;
            client.next().await;
        }
        client.send(call.clone()).await;
        let answer = client.next().await;
        if named {
            // Read, and refused for what it is.
            assert_eq!(answer["status"], 400, "{answer}");
        } else {
            assert_eq!(answer["errorType"], "live_frame_too_large");
            assert_eq!(client.closed().await, Closed { code: 1009 });
        }
    }
}

/// Bytes that are no frames of RFC 6455 are answered with the close code for that (7.4.1).
#[tokio::test]
async fn broken_frames_are_answered_and_closed() {
    let world = World::new().await;
    let long_ping = [&[0x89, 0xfe, 0, 126, 1, 2, 3, 4][..], &[b'x'; 126]].concat();
    for bytes in [
        &[0x81, 0x01, b'x'][..],         // not masked
        &[0xc1, 0x81, 1, 2, 3, 4, b'x'], // a reserved bit
        &[0x83, 0x81, 1, 2, 3, 4, b'x'], // a reserved kind
        &[0x80, 0x81, 1, 2, 3, 4, b'x'], // goes on with nothing
        &[0x09, 0x80, 1, 2, 3, 4],       // half a ping
        &long_ping,
    ] {
        let client = Client::connect(&world.server, "/v1/live?project=one", &[], 4_096);
        let mut client = client.await.unwrap();
        client.next().await;
        client.send_bytes(bytes).await;
        assert_eq!(client.closed().await, Closed { code: 1002 }, "{bytes:x?}");
    }
}

#[tokio::test]
async fn a_thread_that_the_caller_may_not_read_is_not_there() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &["ann"]).await;
    let mallory = server.person("mallory").await;
    let foreign_key = server.full_key("two").await;
    let mut guest = Client::connect(server, "/v1/live?project=one", &[], 65_536)
        .await
        .unwrap();
    guest.next().await;
    let mut user = Client::with_session(server, &mallory).await;
    let mut foreign = Client::with_key(server, &foreign_key).await;
    for client in [&mut guest, &mut user, &mut foreign] {
        for resource in [
            "threads/t",
            "threads/t/items",
            "threads/never",
            "threads/never/items",
        ] {
            for from in [json!(null), json!("start")] {
                assert_eq!(
                    error_of(client, resource, from, &[]).await,
                    "thread_not_found"
                );
            }
        }
    }
    for (client, what) in [
        (&mut guest, "a guest"),
        (&mut user, "a user"),
        (&mut foreign, "a key"),
    ] {
        let snapshot = client.subscribe("all", "threads", json!(null)).await;
        assert_eq!(snapshot["threads"], json!([]), "{what}");
        client.subscribe("items", "items", json!("start")).await;
        assert_eq!(client.past("items").await, Vec::<Value>::new(), "{what}");
        client.subscribe("rows", "threads", json!("start")).await;
        assert_eq!(client.past("rows").await, Vec::<Value>::new(), "{what}");
    }
}

#[tokio::test]
async fn subscriptions_are_refused() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let foreign = Writer {
        server,
        key: server.full_key("two").await,
    };
    writer.thread("t", &[]).await;
    let other_cursor = foreign.thread("t", &[]).await.cursor.unwrap();
    let mut client = Client::with_key(server, &writer.key).await;
    let null = || json!(null);
    let select = json!({ "method": "select", "values": ["name"] });
    let hidden = json!({ "method": "equal", "attribute": "$readers", "values": ["any"] });
    // an edit may change them
    let mentions =
        json!({ "method": "containsAny", "attribute": "mentions", "values": ["user:a"] });
    for (resource, from, queries, kind) in [
        ("threads", json!("nonsense"), vec![], "live_cursor_invalid"),
        (
            "threads",
            json!(other_cursor),
            vec![],
            "live_cursor_invalid",
        ),
        (
            "threads",
            json!("mBR0mmIo4gYVJxGfPTp4Rg"),
            vec![],
            "live_cursor_invalid",
        ),
        ("threads", null(), vec![select], "general_query_invalid"),
        ("threads", null(), vec![hidden], "general_query_invalid"),
        ("items", null(), vec![mentions], "general_query_invalid"),
    ] {
        // A cursor need not look like one to be refused.
        if from == "nonsense" {
            let frame =
                json!({ "type": "subscribe", "id": "x", "resource": resource, "from": from });
            client.send_raw(Message::text(frame.to_string())).await;
            assert_eq!(client.next().await["errorType"], kind);
            continue;
        }
        assert_eq!(
            error_of(&mut client, resource, from, &queries).await,
            kind,
            "{resource} {queries:?}"
        );
    }
    for resource in ["rows", "threads/t/items/i", "threads/a b", ""] {
        let frame = json!({ "type": "subscribe", "id": "x", "resource": resource });
        client.send_raw(Message::text(frame.to_string())).await;
        assert_eq!(
            client.next().await["errorType"],
            "live_resource_unknown",
            "{resource}"
        );
    }
    client
        .send(json!({ "type": "unsubscribe", "id": "x" }))
        .await;
    assert_eq!(
        client.next().await["errorType"],
        "live_subscription_not_found"
    );
    client.subscribe("x", "threads", null()).await;
    let twice = json!({ "type": "subscribe", "id": "x", "resource": "items" });
    client.send(twice).await;
    assert_eq!(
        client.find("x", &["error"]).await["errorType"],
        "live_subscription_exists"
    );
}

#[tokio::test]
async fn a_cursor_beyond_the_log_is_told_from_nonsense() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    // As after the restoration of an older copy.
    let ahead = server
        .edge
        .cursors
        .encode(server.number("one"), everlog_domain::ids::Offset(1_000));
    let mut client = Client::with_key(server, &writer.key).await;
    for resource in ["threads", "items", "threads/t", "threads/t/items"] {
        assert_eq!(
            error_of(&mut client, resource, json!(ahead.as_str()), &[]).await,
            "live_cursor_ahead"
        );
    }
}

#[tokio::test]
async fn a_key_without_the_scope_subscribes_to_nothing() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let key = server
        .key("one", Scopes::parse(&["threads.write"]).unwrap())
        .await;
    let mut client = Client::with_key(server, &key.reveal()).await;
    for resource in ["threads", "items", "threads/t", "threads/t/items"] {
        let kind = error_of(&mut client, resource, json!("start"), &[]).await;
        assert_eq!(kind, "general_unauthorized_scope", "{resource}");
    }
}

#[tokio::test]
async fn calls_are_bound_to_the_interface_and_to_the_credential() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &["ann"]).await;
    let mallory = server.person("mallory").await;
    let mut client = Client::with_session(server, &mallory).await;
    for (method, path, headers) in [
        ("GET", "/metrics", json!({})),
        ("GET", "/v1/live", json!({})),
        ("GET", "/p/two/v1/threads", json!({})),
        ("OPTIONS", "/v1/threads", json!({})),
        (
            "GET",
            "/v1/threads",
            json!({ "Authorization": format!("Bearer {}", writer.key) }),
        ),
        (
            "GET",
            "/v1/threads",
            json!({ "X-Appwrite-Key": writer.key }),
        ),
        ("GET", "/v1/threads", json!({ "Cookie": "a_session_one=x" })),
        (
            "GET",
            "/v1/threads",
            json!({ "X-Forwarded-For": "127.0.0.1" }),
        ),
    ] {
        let frame = json!({ "type": "call", "id": "c", "method": method, "path": path, "headers": headers });
        client.send_raw(Message::text(frame.to_string())).await;
        let answer = client.find("c", &["error", "result"]).await;
        assert_eq!(
            answer["errorType"], "live_call_invalid",
            "{method} {path} {headers}: {answer}"
        );
    }
    for (method, path, body, status) in [
        ("GET", "/v1/threads/t", json!(null), 404),
        ("GET", "/v1/threads/t/items", json!(null), 404),
        (
            "POST",
            "/v1/threads/t/items",
            json!({ "role": "user", "parts": [] }),
            404,
        ),
        ("GET", "/v1/threads?project=two", json!(null), 401),
        ("GET", "/v1/threads?project=one", json!(null), 200),
        ("GET", "/v1/nothing", json!(null), 404),
    ] {
        let mut frame = json!({ "type": "call", "id": "c", "method": method, "path": path });
        if !body.is_null() {
            frame["body"] = body;
        }
        client.send(frame).await;
        let answer = client.find("c", &["result"]).await;
        assert_eq!(answer["status"], status, "{method} {path}: {answer}");
        if status == 200 {
            assert_eq!(answer["body"]["threads"], json!([]), "only what it may see");
        }
    }
}
