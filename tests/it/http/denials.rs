//! Who may do what: denied first.

use serde_json::json;

use super::request::Ask;
use super::scenario::{Scenario, denied, granted, play};
use super::world::World;

/// Every route of threads that writes, with a body that would be granted.
fn writes(thread: &str) -> Vec<Ask> {
    let at = |rest: &str| format!("/v1/threads/{thread}{rest}");
    vec![
        Ask::post("/v1/threads", json!({ "threadId": "fresh" })),
        Ask::new("PATCH", at("")).body(r#"{"name":"taken over"}"#),
        Ask::new("PUT", at("/permissions")).body(r#"{"permissions":["read(\"any\")"]}"#),
        Ask::new("PUT", at("/participants/user:mallory")).body(r#"{"role":"owner"}"#),
        Ask::delete(at("/participants/user:ann")),
        Ask::post(at("/items"), json!({ "role": "user", "parts": [] })),
        Ask::post(
            at("/items"),
            json!({ "role": "assistant", "status": "open" }),
        ),
        Ask::post(
            at("/items/open/deltas"),
            json!({ "deltas": [{ "type": "text", "part": 0, "text": "x" }] }),
        ),
        Ask::post(at("/items/open/finish"), json!({})),
        Ask::post(at("/items/open/abandon"), json!({})),
        Ask::new("PATCH", at("/items/open")).body(r#"{"parts":[]}"#),
        Ask::delete(at("/items/open")),
        Ask::new("PUT", at("/branch")).body(r#"{"itemId":"open"}"#),
        Ask::new("PUT", at("/items/open/reactions/ok")),
        Ask::delete(at("/items/open/reactions/ok")),
        Ask::delete(at("")),
    ]
}

/// Every route of threads that reads.
fn reads(thread: &str) -> Vec<Ask> {
    let at = |rest: &str| Ask::get(format!("/v1/threads/{thread}{rest}"));
    vec![
        at(""),
        at("/participants"),
        at("/items"),
        at("/items/open"),
        at("/items?branch=open"),
        at("/items/open/branches"),
        at("/items/open/reactions"),
        at("/receipts"),
        at("/unread"),
        at("/pins"),
    ]
}

/// A thread of Ann's with an item that she is writing.
async fn anns_thread(world: &World, session: &str) {
    let item = json!({ "itemId": "open", "role": "user", "status": "open", "parts": [{ "type": "text", "text": "canary" }] });
    let asks = [
        Ask::post("/v1/threads", json!({ "threadId": "anns" })),
        Ask::post("/v1/threads/anns/items", item),
    ];
    for ask in asks {
        let reply = world.ask(ask.session("one", session)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
}

#[tokio::test]
async fn guests_and_keys_without_the_scope_write_nothing() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    anns_thread(&world, &ann.session).await;
    let read_only = world.key("one", &["threads.read"]).await;
    let mut scenarios = Vec::new();
    for ask in writes("anns") {
        let scope = "general_unauthorized_scope";
        scenarios.push(denied("a guest", ask.clone().project("one"), 401, scope));
        scenarios.push(denied(
            "a read-only key",
            ask.clone().bearer(&read_only),
            401,
            scope,
        ));
        scenarios.push(denied(
            "a read-only key in Appwrite's header",
            ask.header("x-appwrite-key", &read_only),
            401,
            scope,
        ));
    }
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn keys_without_the_scope_read_nothing() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    anns_thread(&world, &ann.session).await;
    let write_only = world.key("one", &["threads.write"]).await;
    let mut asks = reads("anns");
    asks.push(Ask::get("/v1/threads"));
    let scenarios = asks.into_iter().map(|ask| {
        denied(
            "a write-only key",
            ask.bearer(&write_only),
            401,
            "general_unauthorized_scope",
        )
    });
    play(&world, world.one, scenarios.collect()).await;
}

#[tokio::test]
async fn another_users_thread_is_not_there() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let mallory = world.person("one", "mallory").await;
    anns_thread(&world, &ann.session).await;
    let as_mallory = |ask: Ask| ask.session("one", &mallory.session);
    let mut scenarios: Vec<Scenario> = Vec::new();
    for ask in reads("anns").into_iter().chain(writes("anns").split_off(1)) {
        scenarios.push(denied(
            "another's thread",
            as_mallory(ask),
            404,
            "thread_not_found",
        ));
        // nobody can tell it from one that never was
    }
    for ask in reads("never")
        .into_iter()
        .chain(writes("never").split_off(1))
    {
        scenarios.push(denied(
            "no thread",
            as_mallory(ask),
            404,
            "thread_not_found",
        ));
    }
    for ask in reads("anns") {
        scenarios.push(denied(
            "a guest",
            ask.project("one"),
            404,
            "thread_not_found",
        ));
    }
    scenarios.push(denied(
        "an id that is taken, by somebody who may not see it",
        as_mallory(Ask::post("/v1/threads", json!({ "threadId": "anns" }))),
        409,
        "thread_already_exists",
    ));
    play(&world, world.one, scenarios).await;
    let list = world.ask(as_mallory(Ask::get("/v1/threads"))).await;
    assert_eq!(list.body, json!({ "total": 0, "threads": [] }));
    let list = world.ask(Ask::get("/v1/threads").project("one")).await;
    assert_eq!(list.body, json!({ "total": 0, "threads": [] }));
}

#[tokio::test]
async fn a_participants_role_bounds_it() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let (viewer, member) = (
        world.person("one", "vic").await,
        world.person("one", "mel").await,
    );
    anns_thread(&world, &ann.session).await;
    for (who, role) in [("vic", "viewer"), ("mel", "member")] {
        let ask = Ask::new("PUT", format!("/v1/threads/anns/participants/user:{who}"));
        let ask = ask.body(json!({ "role": role }).to_string());
        assert_eq!(
            world.ask(ask.session("one", &ann.session)).await.status,
            200
        );
    }
    let post = || Ask::post("/v1/threads/anns/items", json!({ "role": "user" }));
    let forbidden = "thread_access_forbidden";
    let vic = |ask: Ask| ask.session("one", &viewer.session);
    let mel = |ask: Ask| ask.session("one", &member.session);
    let mut scenarios = Vec::new();
    for ask in writes("anns").split_off(1) {
        scenarios.push(denied("a viewer", vic(ask), 401, forbidden));
    }
    let all = writes("anns");
    let [
        _,
        update,
        permissions,
        add,
        remove,
        _,
        _,
        deltas,
        finish,
        abandon,
        edit,
        erase,
        _,
        _,
        _,
        delete,
    ] = &all[..]
    else {
        panic!("the list of writes has changed");
    };
    for ask in [update, permissions, add, remove, delete] {
        scenarios.push(denied("a member", mel(ask.clone()), 401, forbidden));
    }
    for ask in [deltas, finish, abandon, edit, erase] {
        scenarios.push(denied(
            "another's item",
            mel(ask.clone()),
            401,
            "item_author_forbidden",
        ));
    }
    let named = json!({ "role": "user", "author": "user:ann" });
    scenarios.push(denied(
        "in another's name",
        mel(Ask::post("/v1/threads/anns/items", named)),
        401,
        "item_author_forbidden",
    ));
    scenarios.push(granted(
        "a member posts",
        mel(post()),
        201,
        &["item.posted"],
    ));
    scenarios.push(granted(
        "a viewer reads",
        vic(Ask::get("/v1/threads/anns")),
        200,
        &[],
    ));
    let leave = Ask::delete("/v1/threads/anns/participants/user:vic");
    scenarios.push(granted(
        "a viewer leaves",
        vic(leave),
        204,
        &["thread.participant.removed"],
    ));
    scenarios.push(denied(
        "and is out",
        vic(Ask::get("/v1/threads/anns")),
        404,
        "thread_not_found",
    ));
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn only_roles_that_one_holds_can_be_granted() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let create = |permission: &str| {
        let body = json!({ "permissions": [permission] });
        Ask::post("/v1/threads", body).session("one", &ann.session)
    };
    let mut scenarios: Vec<Scenario> = [
        "user:bob",
        "team:x",
        "label:vip",
        "guests",
        "users/verified",
    ]
    .into_iter()
    .map(|role| {
        let ask = create(&format!("read(\"{role}\")"));
        denied("a role of others", ask, 401, "permission_not_held")
    })
    .collect();
    for role in ["any", "users", "user:ann", "user:ann/unverified"] {
        let ask = create(&format!("read(\"{role}\")"));
        scenarios.push(granted(
            "a role of one's own",
            ask,
            201,
            &["thread.created"],
        ));
    }
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn foreign_pages_cannot_write_in_a_visitors_name() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let cookie = format!("a_session_one={}", ann.session);
    let create = || {
        Ask::post("/v1/threads", json!({}))
            .project("one")
            .header("cookie", &cookie)
    };
    let sign_in = Ask::post("/v1/account/sessions/email", json!({})).project("one");
    let origin = "general_unknown_origin";
    let scenarios = vec![
        denied(
            "a foreign page",
            create().header("origin", "https://evil.example"),
            403,
            origin,
        ),
        denied("no page", create().header("origin", "null"), 403, origin),
        denied(
            "a form",
            create().header("sec-fetch-site", "cross-site"),
            403,
            origin,
        ),
        denied(
            "signing somebody in",
            sign_in.header("origin", "https://evil.example"),
            403,
            origin,
        ),
        granted(
            "a listed page",
            create().header("origin", "https://app.example.com"),
            201,
            &["thread.created"],
        ),
        granted("no browser", create(), 201, &["thread.created"]),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn only_listed_pages_read_answers() {
    let world = World::new().await;
    let preflight = |origin: &str| {
        Ask::new("OPTIONS", "/v1/threads")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-appwrite-project")
    };
    let allowed = "access-control-allow-origin";
    let foreign = world.ask(preflight("https://evil.example")).await;
    assert_eq!(foreign.header(allowed), None);
    let listed = world.ask(preflight("https://app.example.com")).await;
    assert_eq!(listed.header(allowed), Some("https://app.example.com"));
    assert_eq!(
        listed.header("access-control-allow-credentials"),
        Some("true")
    );
    let health = Ask::get("/v1/health").header("origin", "https://evil.example");
    assert_eq!(world.ask(health).await.header(allowed), None);
}
