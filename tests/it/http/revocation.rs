//! What was taken away is gone at the next request.

use everlog_domain::access::Scopes;
use everlog_domain::time::Time;
use serde_json::json;

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

#[tokio::test]
async fn revoked_and_expired_keys() {
    let world = World::new().await;
    let key = world.make_key("one", Scopes::all(), None).await;
    let text = key.reveal();
    let expired = world
        .make_key("one", Scopes::all(), Some(Time(1)))
        .await
        .reveal();
    let create = |key: &str| Ask::post("/v1/threads", json!({})).bearer(key);
    let scenarios = vec![
        denied("expired", create(&expired), 401, "project_key_expired"),
        granted("valid", create(&text), 201, &["thread.created"]),
        granted(
            "valid, and remembered",
            create(&text),
            201,
            &["thread.created"],
        ),
    ];
    play(&world, world.one, scenarios).await;
    world.revoke_key("one", key.key).await;
    let in_header = Ask::get("/v1/threads")
        .project("one")
        .header("x-appwrite-key", &text);
    let write = Ask::post("/v1/threads", json!({}))
        .project("one")
        .header("x-appwrite-key", &text);
    let scenarios = vec![
        denied("revoked", create(&text), 401, "user_unauthorized"),
        granted("a guest, in Appwrite's header", in_header, 200, &[]),
        denied(
            "who writes nothing",
            write,
            401,
            "general_unauthorized_scope",
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn wrong_secrets() {
    let world = World::new().await;
    let text = world.full_key("one").await;
    let (front, secret) = text.rsplit_once('~').unwrap();
    let flipped: String = secret.chars().rev().collect();
    let other_id = text.replacen("~", "~0", 1);
    let unauthorized = "user_unauthorized";
    let list = |key: &str| Ask::get("/v1/threads").bearer(key);
    let both = Ask::get("/v1/threads").bearer(&text);
    let ann = world.person("one", "ann").await;
    let scenarios = vec![
        denied(
            "another secret",
            list(&format!("{front}~{flipped}")),
            401,
            unauthorized,
        ),
        denied("no secret", list(&format!("{front}~")), 401, unauthorized),
        denied("another id", list(&other_id), 401, unauthorized),
        denied(
            "another project",
            list(&text.replacen("one", "two", 1)),
            401,
            unauthorized,
        ),
        denied(
            "no such project",
            list(&text.replacen("one", "ten", 1)),
            401,
            unauthorized,
        ),
        denied("no key", list("x"), 401, unauthorized),
        denied(
            "a key and a session",
            both.header("x-appwrite-session", &ann.session),
            403,
            "user_api_key_and_session_set",
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_removed_participant_reads_and_writes_no_more() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let bob = world.person("one", "bob").await;
    let participants = json!([{ "id": "user:bob", "role": "member" }]);
    world
        .thread(
            &key,
            json!({ "threadId": "t", "participants": participants }),
        )
        .await;
    let post =
        || Ask::post("/v1/threads/t/items", json!({ "role": "user" })).session("one", &bob.session);
    let read = || Ask::get("/v1/threads/t/items").session("one", &bob.session);
    let remove = Ask::delete("/v1/threads/t/participants/user:bob").bearer(&key);
    let scenarios = vec![
        granted("posts", post(), 201, &["item.posted"]),
        granted("reads", read(), 200, &[]),
        granted("is removed", remove, 204, &["thread.participant.removed"]),
        denied("posts no more", post(), 404, "thread_not_found"),
        denied("reads no more", read(), 404, "thread_not_found"),
    ];
    play(&world, world.one, scenarios).await;
}
