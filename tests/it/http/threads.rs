//! `/v1/threads`.

use serde_json::{Value, json};

use super::request::{Ask, fields};
use super::scenario::{denied, granted, play};
use super::world::World;

/// The fields of a thread, in order.
const THREAD: [&str; 11] = [
    "$createdAt",
    "$id",
    "$permissions",
    "$updatedAt",
    "activeItemId",
    "forkedFrom",
    "lastItemAt",
    "metadata",
    "name",
    "participants",
    "templateId",
];

#[tokio::test]
async fn bad_bodies_are_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let invalid = "general_argument_invalid";
    let mut scenarios: Vec<_> = [
        r#"{"threadId":"a b"}"#,
        r#"{"threadId":""}"#,
        r#"{"threadId":7}"#,
        r#"{"name":""}"#,
        r#"{"name":7}"#,
        r#"{"metadata":[]}"#,
        r#"{"permissions":["own(\"any\")"]}"#,
        r#"{"permissions":"read(\"any\")"}"#,
        r#"{"participants":[{"id":"team:x","role":"owner"}]}"#,
        r#"{"participants":[{"id":"user:x","role":"god"}]}"#,
        // mass assignment: what the server decides cannot be sent
        r#"{"$id":"x"}"#,
        r#"{"$createdAt":"2000-01-01T00:00:00Z"}"#,
        r#"{"$sequence":1}"#,
        r#"{"$permissions":["read(\"any\")"]}"#,
        r#"{"lastItemAt":"2000-01-01T00:00:00Z"}"#,
        "[]",
        "null",
        "nonsense",
        r#"{"name":"a"} trailing"#,
        r#"{"name":"#,
    ]
    .into_iter()
    .map(|body| {
        let ask = Ask::new("POST", "/v1/threads").body(body).bearer(&key);
        denied("a bad body", ask, 400, invalid)
    })
    .collect();
    for path in ["/v1/threads/a%20b", "/v1/threads/a%2Fb", "/v1/threads/-a"] {
        scenarios.push(denied(
            "a bad id",
            Ask::get(path).bearer(&key),
            400,
            invalid,
        ));
    }
    scenarios.push(denied(
        "no route",
        Ask::get("/v1/thread").bearer(&key),
        404,
        "general_route_not_found",
    ));
    let verb = Ask::new("PUT", "/v1/threads").bearer(&key);
    scenarios.push(denied("no verb", verb, 405, "general_not_implemented"));
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn permissions_are_bounded_in_number() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let list = |count: usize| {
        let texts = (0..count).map(|number| format!("write(\"user:u{number}\")"));
        json!({ "permissions": texts.collect::<Vec<_>>() })
    };
    let create = |count| Ask::post("/v1/threads", list(count)).bearer(&key);
    let set = |count| {
        let ask = Ask::new("PUT", "/v1/threads/t/permissions");
        ask.body(list(count).to_string()).bearer(&key)
    };
    world.thread(&key, json!({ "threadId": "t" })).await;
    let invalid = "general_argument_invalid";
    let changed = &["thread.permissions.changed"];
    let scenarios = vec![
        denied("one too many at the start", create(101), 400, invalid),
        denied("one too many later", set(101), 400, invalid),
        granted(
            "the most at the start",
            create(100),
            201,
            &["thread.created"],
        ),
        granted("the most later", set(100), 200, changed),
    ];
    play(&world, world.one, scenarios).await;
    let message = world.ask(create(101)).await.body["message"].clone();
    let expected = "permissions: expected at most 100 permissions, found 101";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn a_bad_body_names_the_field() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let body = json!({ "participants": [{ "id": "user:a", "role": "owner" }, { "id": "user:b", "role": 7 }] });
    let reply = world.ask(Ask::post("/v1/threads", body).bearer(&key)).await;
    let message = reply.body["message"].as_str().unwrap();
    assert!(
        message.starts_with("body: participants[1].role: "),
        "{message}"
    );
}

#[tokio::test]
async fn a_threads_life() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let by_key = |ask: Ask| ask.bearer(&key);
    let put = |path: &str, body: Value| {
        Ask::new("PUT", format!("/v1/threads/t{path}")).body(body.to_string())
    };
    let patch = |body: Value| Ask::new("PATCH", "/v1/threads/t").body(body.to_string());
    let create = || Ask::post("/v1/threads", json!({ "threadId": "t", "name": "First" }));
    let (updated, permissions) = (&["thread.updated"], &["thread.permissions.changed"]);
    let grant = json!({ "permissions": ["read(\"any\")"] });
    let ann = json!({ "role": "member" });
    let scenarios = vec![
        granted("create", by_key(create()), 201, &["thread.created"]),
        denied(
            "create again",
            by_key(create()),
            409,
            "thread_already_exists",
        ),
        granted(
            "rename",
            by_key(patch(json!({ "name": "Second" }))),
            200,
            updated,
        ),
        granted(
            "rename to the same",
            by_key(patch(json!({ "name": "Second" }))),
            200,
            &[],
        ),
        granted(
            "metadata",
            by_key(patch(json!({ "metadata": { "a": 1 } }))),
            200,
            updated,
        ),
        granted(
            "permissions",
            by_key(put("/permissions", grant.clone())),
            200,
            permissions,
        ),
        granted(
            "the same permissions",
            by_key(put("/permissions", grant)),
            200,
            &[],
        ),
        granted(
            "join",
            by_key(put("/participants/user:ann", ann.clone())),
            200,
            &["thread.participant.added"],
        ),
        granted(
            "join again",
            by_key(put("/participants/user:ann", ann)),
            200,
            &[],
        ),
        denied(
            "a stranger leaves",
            by_key(Ask::delete("/v1/threads/t/participants/user:bob")),
            404,
            "participant_not_found",
        ),
        denied(
            "neither user nor agent",
            by_key(Ask::delete("/v1/threads/t/participants/team:x")),
            400,
            "general_argument_invalid",
        ),
        granted("read", Ask::get("/v1/threads/t").project("one"), 200, &[]),
    ];
    play(&world, world.one, scenarios).await;
    let thread = world.ask(by_key(Ask::get("/v1/threads/t"))).await.body;
    assert_eq!(thread["name"], "Second");
    assert_eq!(thread["metadata"], json!({ "a": 1 }));
    assert_eq!(thread["$permissions"], json!(["read(\"any\")"]));
    assert_eq!(
        thread["participants"],
        json!([{ "id": "user:ann", "role": "member" }])
    );
    let participants = world
        .ask(by_key(Ask::get("/v1/threads/t/participants")))
        .await
        .body;
    assert_eq!(
        participants,
        json!({ "total": 1, "participants": [{ "id": "user:ann", "role": "member" }] })
    );
    let scenarios = vec![
        granted(
            "delete",
            by_key(Ask::delete("/v1/threads/t")),
            204,
            &["thread.deleted"],
        ),
        denied(
            "delete again",
            by_key(Ask::delete("/v1/threads/t")),
            404,
            "thread_not_found",
        ),
        denied(
            "read",
            by_key(Ask::get("/v1/threads/t")),
            404,
            "thread_not_found",
        ),
        granted("create anew", by_key(create()), 201, &["thread.created"]),
    ];
    play(&world, world.one, scenarios).await;
    let fresh = world.ask(by_key(Ask::get("/v1/threads/t"))).await.body;
    assert_eq!(
        (&fresh["name"], &fresh["participants"]),
        (&json!("First"), &json!([]))
    );
}

#[tokio::test]
async fn a_users_thread_is_its_own_and_ids_are_made_on_request() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    for body in [json!({}), json!({ "threadId": "unique()" })] {
        let made = world
            .ask(Ask::post("/v1/threads", body).session("one", &ann.session))
            .await;
        assert_eq!(made.id().len(), 20);
        assert_eq!(
            made.body["participants"],
            json!([{ "id": "user:ann", "role": "owner" }])
        );
        let own =
            ["create", "delete", "read", "update"].map(|action| format!("{action}(\"user:ann\")"));
        let mut granted: Vec<String> =
            serde_json::from_value(made.body["$permissions"].clone()).unwrap();
        granted.sort();
        assert_eq!(granted, own);
    }
    let empty = Ask::post("/v1/threads", json!({ "permissions": [] })).session("one", &ann.session);
    assert_eq!(world.ask(empty).await.body["$permissions"], json!([]));
}

#[tokio::test]
async fn writes_bring_cursors_and_offsets_only_to_those_who_read_the_log() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let ann = world.person("one", "ann").await;
    let by_key = world
        .ask(Ask::post("/v1/threads", json!({ "threadId": "a" })).bearer(&key))
        .await;
    let offset: u64 = by_key.header("x-everlog-offset").unwrap().parse().unwrap();
    assert_eq!(offset, world.head(world.one).0);
    let by_ann = Ask::post("/v1/threads", json!({})).session("one", &ann.session);
    let by_ann = world.ask(by_ann).await;
    assert_eq!(by_ann.header("x-everlog-offset"), None);
    let path = format!("/v1/threads/{}", by_ann.id());
    let read = world.ask(Ask::get(path).session("one", &ann.session)).await;
    for answer in [&by_ann.body, &read.body] {
        assert_eq!(fields(answer), THREAD, "a field that tells an offset?");
    }
    let cursor = by_ann.header("x-everlog-cursor").unwrap();
    let read =
        |min: &str| Ask::get(format!("/v1/threads?minOffset={min}")).session("one", &ann.session);
    assert_eq!(world.ask(read(cursor)).await.status, 200);
    let number = world.ask(read(&offset.to_string())).await;
    assert_eq!((number.status, number.kind()), (400, "cursor_invalid"));
    let by_key = Ask::get(format!("/v1/threads?minOffset={offset}")).bearer(&key);
    assert_eq!(world.ask(by_key).await.status, 200);
}
