//! `Idempotency-Key`.

use serde_json::json;

use super::request::{Ask, Reply};
use super::scenario::{denied, granted, play};
use super::world::World;

fn is_replayed(reply: &Reply) -> bool {
    reply.header("idempotency-replayed") == Some("true")
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let ask = |text: &str| {
        let body = json!({ "role": "user", "parts": [{ "type": "text", "text": text }] });
        Ask::post("/v1/threads/t/items", body)
            .bearer(&key)
            .named("once")
    };
    let long = "x".repeat(256);
    let scenarios = vec![
        granted("the first", ask("a"), 201, &["item.posted"]),
        denied("another body", ask("b"), 409, "idempotency_key_reused"),
        granted("the same body", ask("a"), 201, &[]),
        denied(
            "too long a key",
            Ask::post("/v1/threads", json!({}))
                .bearer(&key)
                .named(&long),
            400,
            "general_argument_invalid",
        ),
        denied(
            "an empty key",
            Ask::post("/v1/threads", json!({})).bearer(&key).named(" "),
            400,
            "general_argument_invalid",
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_retry_gets_the_same_answer_and_changes_nothing() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let at = |rest: &str| format!("/v1/threads/t{rest}");
    let writes = [
        Ask::post("/v1/threads", json!({ "threadId": "t", "name": "x" })),
        Ask::post("/v1/threads", json!({ "name": "made" })),
        Ask::new("PATCH", at("")).body(r#"{"name":"y"}"#),
        Ask::new("PUT", at("/permissions")).body(r#"{"permissions":["read(\"any\")"]}"#),
        Ask::new("PUT", at("/participants/user:ann")).body(r#"{"role":"owner"}"#),
        Ask::delete(at("/participants/user:ann")),
        Ask::post(
            at("/items"),
            json!({ "role": "user", "parts": [{ "type": "text", "text": "x" }] }),
        ),
        Ask::post(
            at("/items"),
            json!({ "itemId": "i", "role": "user", "status": "open", "parts": [{ "type": "text", "text": "" }] }),
        ),
        Ask::post(
            at("/items/i/deltas"),
            json!({ "deltas": [{ "type": "text", "part": 0, "text": "x" }] }),
        ),
        Ask::post(at("/items/i/finish"), json!({})),
        Ask::delete(at("")),
    ];
    for (number, ask) in writes.into_iter().enumerate() {
        let ask = ask.bearer(&key).named(&format!("key {number}"));
        let first = world.ask(ask.clone()).await;
        assert!(
            (200..300).contains(&first.status),
            "{number}: {}",
            first.text
        );
        assert!(!is_replayed(&first), "{number}");
        let head = world.head(world.one);
        let again = world.ask(ask).await;
        assert_eq!(world.head(world.one), head, "{number}");
        assert!(is_replayed(&again), "{number}");
        assert_eq!(
            (again.status, &again.body),
            (first.status, &first.body),
            "{number}"
        );
        let cursors = [&first, &again].map(|reply| reply.header("x-everlog-cursor").unwrap());
        assert_eq!(cursors[0], cursors[1], "{number}");
    }
}

#[tokio::test]
async fn the_same_key_is_another_wish_for_another_caller_route_or_project() {
    let world = World::new().await;
    let (key, other) = (world.full_key("one").await, world.full_key("one").await);
    let ann = world.person("one", "ann").await;
    let second = world.full_key("two").await;
    let create = || Ask::post("/v1/threads", json!({})).named("once");
    let mut ids = Vec::new();
    for ask in [
        create().bearer(&key),
        create().bearer(&other),
        create().session("one", &ann.session),
        create().bearer(&second),
    ] {
        let reply = world.ask(ask).await;
        assert!(!is_replayed(&reply));
        ids.push(reply.id());
    }
    // however the project is named, it is the same wish
    let path = Ask::post("/p/one/v1/threads", json!({}))
        .named("once")
        .bearer(&key);
    let again = world.ask(path).await;
    assert!(is_replayed(&again));
    assert_eq!(again.id(), ids[0]);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    for thread in ["a", "b"] {
        world.thread(&key, json!({ "threadId": thread })).await;
        let ask = Ask::post(
            format!("/v1/threads/{thread}/items"),
            json!({ "role": "user" }),
        );
        let reply = world.ask(ask.named("item").bearer(&key)).await;
        assert_eq!((reply.status, is_replayed(&reply)), (201, false));
        assert_eq!(reply.body["threadId"], thread);
    }
}
