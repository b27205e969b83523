//! `/v1/account`.

use serde_json::{Value, json};

use super::request::{Ask, fields};
use super::scenario::{denied, granted, play};
use super::world::World;

fn register(changes: &Value) -> Ask {
    let mut body = json!({
        "userId": "unique()", "email": "ann@example.com", "password": "correct horse", "name": "Ann",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            value => body
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    Ask::post("/v1/account", body).project("one")
}

#[tokio::test]
async fn registrations_are_checked() {
    let world = World::new().await;
    let invalid = "general_argument_invalid";
    let mut scenarios: Vec<_> = [
        json!({ "userId": "" }),
        json!({ "userId": "a b" }),
        json!({ "userId": null }),
        json!({ "userId": 7 }),
        json!({ "email": "ann" }),
        json!({ "email": null }),
        json!({ "password": "1234567" }),
        json!({ "password": "x".repeat(257) }),
        json!({ "password": null }),
        json!({ "name": "x".repeat(129) }),
        json!({ "name": ["Ann"] }),
    ]
    .iter()
    .map(|changes| denied("a bad field", register(changes), 400, invalid))
    .collect();
    let scope = world.key("one", &["threads.write"]).await;
    scenarios.push(denied(
        "a key without the scope",
        register(&json!({})).bearer(&scope),
        401,
        "general_unauthorized_scope",
    ));
    scenarios.push(granted(
        "Ann",
        register(&json!({ "userId": "ann" })),
        201,
        &["user.created"],
    ));
    let taken = "user_already_exists";
    scenarios.push(denied("the same address", register(&json!({})), 409, taken));
    scenarios.push(denied(
        "in capitals",
        register(&json!({ "email": "ANN@example.com" })),
        409,
        taken,
    ));
    let same_id = json!({ "userId": "ann", "email": "other@example.com" });
    scenarios.push(denied("the same id", register(&same_id), 409, taken));
    scenarios.push(denied(
        "no such project",
        Ask::post("/v1/account", json!({})).project("three"),
        404,
        "project_not_found",
    ));
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn nobody_registers_with_rights_of_their_own_choice() {
    let world = World::new().await;
    let extras = json!({
        "labels": ["admin"], "emailVerification": true, "status": false, "mfa": true,
        "$createdAt": "2000-01-01T00:00:00Z", "passwordHash": "x", "scopes": ["users.write"],
    });
    let reply = world.ask(register(&extras)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.body["labels"], json!([]));
    assert_eq!(reply.body["emailVerification"], false);
    assert_eq!(
        (&reply.body["status"], &reply.body["mfa"]),
        (&json!(true), &json!(false))
    );
    assert!(
        !reply.body["$createdAt"]
            .as_str()
            .unwrap()
            .starts_with("2000")
    );
}

#[tokio::test]
async fn the_account_has_appwrites_form() {
    let world = World::new().await;
    let made = world.ask(register(&json!({ "userId": "ann" }))).await;
    let session = world
        .sign_in("one", "ann@example.com", "correct horse")
        .await;
    let read = world
        .ask(Ask::get("/v1/account").session("one", &session))
        .await;
    assert_eq!(read.status, 200);
    assert_eq!(read.body, made.body);
    // every field of Appwrite's User that is never absent
    let expected = [
        "$createdAt",
        "$id",
        "$updatedAt",
        "accessedAt",
        "email",
        "emailVerification",
        "labels",
        "mfa",
        "name",
        "passwordUpdate",
        "phone",
        "phoneVerification",
        "prefs",
        "registration",
        "status",
        "targets",
    ];
    assert_eq!(fields(&read.body), expected);
    let time = read.body["registration"].as_str().unwrap();
    assert!(time.ends_with("+00:00") && time.len() == "2026-08-21T12:42:38.123+00:00".len());
    assert!(
        !read.text.contains("argon2"),
        "the hash is nobody's business: {}",
        read.text
    );
}

#[tokio::test]
async fn keys_and_guests_have_no_account() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let scope = "general_unauthorized_scope";
    let scenarios = vec![
        denied(
            "a guest",
            Ask::get("/v1/account").project("one"),
            401,
            scope,
        ),
        denied("a key", Ask::get("/v1/account").bearer(&key), 401, scope),
        denied(
            "a made-up session",
            Ask::get("/v1/account").session("one", "e30="),
            401,
            scope,
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn no_hash_of_a_password_gets_into_an_envelope() {
    let world = World::new().await;
    let ask = |password: &str| register(&json!({ "password": password })).named("once");
    let first = world.ask(ask("correct horse")).await;
    // told apart by everything but the password, so nothing about it can be tried offline
    let again = world.ask(ask("another horse")).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, again.body);
}
