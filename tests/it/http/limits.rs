//! Sizes, depths and forms of requests.

use serde_json::json;

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

#[tokio::test]
async fn too_much_is_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let post = |body: Vec<u8>| Ask::new("POST", "/v1/threads").body(body).bearer(&key);
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 << 20));
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    let deep_field = [br#"{"metadata":"#.to_vec(), deep.clone(), b"}".to_vec()].concat();
    let escaped = br#"{"name":"\ud800"}"#.to_vec();
    let not_text = vec![b'{', b'"', 0xff, 0xfe, b'"', b'}'];
    let invalid = "general_argument_invalid";
    let scenarios = vec![
        denied(
            "too large",
            post(large.into_bytes()),
            413,
            "content_too_large",
        ),
        denied("too deep", post(deep), 400, invalid),
        denied("too deep a field", post(deep_field), 400, invalid),
        denied("half a character", post(escaped), 400, invalid),
        denied("not text", post(not_text), 400, invalid),
    ];
    play(&world, world.one, scenarios).await;
}

/// `%FF` is no UTF-8, whichever part of the path it stands in.
#[tokio::test]
async fn paths_that_are_no_text_are_refused_in_the_form_of_all_errors() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let ann = world.person("one", "ann").await;
    let at = |method, rest: &str| Ask::new(method, format!("/v1/threads/{rest}")).bearer(&key);
    let session =
        |method| Ask::new(method, "/v1/account/sessions/%FF").session("one", &ann.session);
    let asks = [
        at("GET", "%FF"),
        at("PATCH", "%FF").body("{}"),
        at("DELETE", "%FF"),
        at("PUT", "%FF/permissions").body(r#"{"permissions":[]}"#),
        at("GET", "%FF/participants"),
        at("PUT", "t/participants/%FF").body(r#"{"role":"owner"}"#),
        at("DELETE", "t/participants/%FF"),
        at("GET", "%FF/items"),
        at("POST", "%FF/items").body(r#"{"role":"user"}"#),
        at("GET", "t/items/%FF"),
        at("POST", "t/items/%FF/deltas").body(r#"{"deltas":[]}"#),
        at("POST", "t/items/%FF/finish"),
        at("POST", "t/items/%FF/abandon"),
        session("GET"),
        session("DELETE"),
    ];
    let invalid = "general_argument_invalid";
    let scenarios = asks.map(|ask| denied("a path that is no text", ask, 400, invalid));
    play(&world, world.one, scenarios.into()).await;
}

#[tokio::test]
async fn no_answer_echoes_without_bounds_or_lets_itself_be_cached() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let name = "n".repeat(100_000);
    let body = json!({ name: 1 });
    let reply = world.ask(Ask::post("/v1/threads", body).bearer(&key)).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.len() < 1_000, "{} bytes", reply.text.len());
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-everlog-request-id").map(str::len), Some(16));
}

#[tokio::test]
async fn health_and_metrics_need_no_key_and_tell_nothing_of_tenants() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world
        .thread(
            &key,
            json!({ "threadId": "canary-thread", "name": "canary" }),
        )
        .await;
    let health = world.ask(Ask::get("/v1/health")).await;
    assert_eq!(
        (health.status, &health.body["status"]),
        (200, &json!("pass"))
    );
    let metrics = world.ask(Ask::get("/metrics")).await;
    assert_eq!(metrics.status, 200);
    assert!(!metrics.text.contains("canary"));
    let passed_on = Ask::get("/metrics").header("x-forwarded-for", "192.0.2.1");
    let passed_on = world.ask(passed_on).await;
    assert_eq!(
        (passed_on.status, passed_on.kind()),
        (401, "general_access_forbidden")
    );
}

#[tokio::test]
async fn a_page_is_bounded_by_what_it_takes_in_memory() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    // a text of 400 KB, and more than 4 MB as values
    let empty = vec![json!([]); 130_000];
    for number in 0..6 {
        let part = json!({ "type": "data", "name": "x", "data": empty });
        let body = json!({ "itemId": format!("i{number}"), "role": "user", "parts": [part] });
        let posted = world.ask(Ask::post("/v1/threads/t/items", body).bearer(&key));
        assert_eq!(posted.await.status, 201);
    }
    let list = |query| {
        Ask::get("/v1/threads/t/items")
            .queries(&[query])
            .bearer(&key)
    };
    let limit = |limit| json!({ "method": "limit", "values": [limit] });
    let scenarios = vec![
        denied("all of them", list(limit(500)), 422, "query_too_expensive"),
        granted("one of them", list(limit(1)), 200, &[]),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_page_before_a_row_may_be_as_long_as_any() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    for id in ["a", "b", "c"] {
        world.thread(&key, json!({ "threadId": id })).await;
    }
    let before = [
        json!({ "method": "cursorBefore", "values": ["c"] }),
        json!({ "method": "orderAsc", "attribute": "name" }),
        json!({ "method": "limit", "values": [5_000] }),
    ];
    let reply = world
        .ask(Ask::get("/v1/threads").queries(&before).bearer(&key))
        .await;
    let ids = reply.body["threads"].as_array().unwrap();
    let ids: Vec<&str> = ids.iter().filter_map(|it| it["$id"].as_str()).collect();
    assert_eq!((reply.status, ids), (200, vec!["a", "b"]));
}
