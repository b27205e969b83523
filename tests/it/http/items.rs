//! `/v1/threads/{threadId}/items`.

use serde_json::{Value, json};

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

fn post(body: Value) -> Ask {
    Ask::post("/v1/threads/t/items", body)
}

fn step(item: &str, step: &str, body: Value) -> Ask {
    Ask::post(format!("/v1/threads/t/items/{item}/{step}"), body)
}

#[tokio::test]
async fn bad_items_are_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let text = |text: String| json!({ "type": "text", "text": text });
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let invalid = "general_argument_invalid";
    let scenarios = [
        (json!({}), 400, invalid),
        (json!({ "role": "god" }), 400, invalid),
        (
            json!({ "role": "user", "parts": [{ "type": "html", "html": "x" }] }),
            400,
            invalid,
        ),
        (
            json!({ "role": "user", "parts": [{ "type": "text", "text": "x", "more": 1 }] }),
            400,
            invalid,
        ),
        (
            json!({ "role": "user", "parts": [{ "type": "text" }] }),
            400,
            invalid,
        ),
        (json!({ "role": "user", "tokens": -1 }), 400, invalid),
        (
            json!({ "role": "user", "status": "abandoned" }),
            400,
            invalid,
        ),
        (
            json!({ "role": "user", "status": "open", "tokens": 1 }),
            400,
            invalid,
        ),
        (json!({ "role": "user", "$id": "x" }), 400, invalid),
        (json!({ "role": "user", "$sequence": 1 }), 400, invalid),
        (json!({ "role": "user", "itemId": "a/b" }), 400, invalid),
        (json!({ "role": "user", "author": "key:x" }), 400, invalid),
        (
            json!({ "role": "user", "parts": [{ "type": "data", "name": "x", "data": deep }] }),
            400,
            invalid,
        ),
        (
            json!({ "role": "user", "parts": vec![text("x".into()); 65] }),
            400,
            "item_part_invalid",
        ),
        (
            json!({ "role": "user", "parts": [text("x".repeat(1_048_577))] }),
            413,
            "item_too_large",
        ),
        (
            json!({ "role": "user", "metadata": { "x": "x".repeat(16_384) } }),
            400,
            invalid,
        ),
    ];
    let scenarios = scenarios
        .into_iter()
        .map(|(body, status, kind)| denied("a bad item", post(body).bearer(&key), status, kind));
    play(&world, world.one, scenarios.collect()).await;
}

#[tokio::test]
async fn items_come_back_as_they_were_posted_and_in_order() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let parts = json!([
        { "type": "text", "text": "grüße" },
        { "type": "reasoning", "text": "…" },
        { "type": "toolCall", "callId": "c", "name": "f", "arguments": { "x": [1, null] } },
        { "type": "toolResult", "callId": "c", "result": "ok", "isError": false },
        { "type": "file", "fileId": "f1", "mimeType": "text/plain" },
        { "type": "data", "name": "d", "data": { "y": 2.5 } },
    ]);
    let body = json!({
        "itemId": "first", "role": "assistant", "parts": parts, "metadata": { "m": true },
        "tokens": 7, "author": "agent:bot",
    });
    let made = world.ask(post(body).bearer(&key)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["parts"], parts);
    assert_eq!(made.body["author"], "agent:bot");
    assert_eq!(made.body["status"], "finished");
    assert_eq!(made.body["tokens"], 7);
    let second = world
        .ask(post(json!({ "role": "user" })).bearer(&key))
        .await;
    let read = world
        .ask(Ask::get("/v1/threads/t/items/first").bearer(&key))
        .await;
    assert_eq!(read.body, made.body);
    let list = world
        .ask(Ask::get("/v1/threads/t/items").bearer(&key))
        .await;
    assert_eq!(
        list.body,
        json!({ "total": 2, "items": [made.body, second.body] })
    );
    let scenarios = vec![
        denied(
            "the same id",
            post(json!({ "itemId": "first", "role": "user" })).bearer(&key),
            409,
            "item_already_exists",
        ),
        denied(
            "no such item",
            Ask::get("/v1/threads/t/items/none").bearer(&key),
            404,
            "item_not_found",
        ),
        denied(
            "no such thread",
            Ask::get("/v1/threads/u/items").bearer(&key),
            404,
            "thread_not_found",
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn an_item_that_is_being_written() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let delta = |part: u16, text: &str| json!({ "type": "text", "part": part, "text": text });
    let deltas = |deltas: Value| step("i", "deltas", json!({ "deltas": deltas })).bearer(&key);
    let open = json!({ "itemId": "i", "role": "assistant", "status": "open", "parts": [{ "type": "text", "text": "a" }] });
    let not_open = "item_not_open";
    let new_part = json!({ "type": "part", "part": { "type": "reasoning", "text": "x" } });
    let scenarios = vec![
        denied(
            "before it is open",
            deltas(json!([delta(0, "b")])),
            409,
            not_open,
        ),
        granted(
            "open",
            post(open.clone()).bearer(&key),
            201,
            &["item.opened"],
        ),
        denied(
            "open again",
            post(open).bearer(&key),
            409,
            "item_already_exists",
        ),
        denied("no deltas", deltas(json!([])), 400, "item_part_invalid"),
        denied(
            "no such part",
            deltas(json!([delta(1, "b")])),
            400,
            "item_part_invalid",
        ),
        denied(
            "all or none",
            deltas(json!([delta(0, "b"), delta(9, "c")])),
            400,
            "item_part_invalid",
        ),
        denied(
            "no delta",
            deltas(json!([{ "type": "html" }])),
            400,
            "general_argument_invalid",
        ),
        denied(
            "too many",
            deltas(json!(vec![delta(0, "b"); 1_001])),
            400,
            "general_argument_invalid",
        ),
        granted(
            "a word",
            deltas(json!([delta(0, "b")])),
            204,
            &["item.delta"],
        ),
        granted(
            "a part",
            deltas(json!([new_part, delta(1, "y"), delta(0, "c")])),
            204,
            &["item.delta"],
        ),
    ];
    play(&world, world.one, scenarios).await;
    let so_far = json!([{ "type": "text", "text": "abc" }, { "type": "reasoning", "text": "xy" }]);
    let read = Ask::get("/v1/threads/t/items/i").bearer(&key);
    let open = world.ask(read.clone()).await.body;
    assert_eq!((&open["status"], &open["parts"]), (&json!("open"), &so_far));
    let list = world
        .ask(Ask::get("/v1/threads/t/items").bearer(&key))
        .await
        .body;
    assert_eq!(list["items"], json!([open]));
    let finish = step(
        "i",
        "finish",
        json!({ "tokens": 3, "metadata": { "stop": "end" } }),
    );
    let finished = world.ask(finish.clone().bearer(&key)).await;
    assert_eq!(finished.status, 200, "{}", finished.text);
    assert_eq!(
        (&finished.body["status"], &finished.body["tokens"]),
        (&json!("finished"), &json!(3))
    );
    assert_eq!(finished.body["parts"], so_far);
    assert_eq!(world.ask(read).await.body, finished.body);
    let scenarios = vec![
        denied("finish again", finish.bearer(&key), 409, not_open),
        denied("write on", deltas(json!([delta(0, "d")])), 409, not_open),
        denied(
            "abandon",
            step("i", "abandon", json!({})).bearer(&key),
            409,
            not_open,
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn an_item_that_is_given_up_keeps_what_was_written() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let open = json!({ "itemId": "i", "role": "assistant", "status": "open", "parts": [{ "type": "text", "text": "half" }] });
    let long = json!({ "reason": "x".repeat(1_001) });
    let reason = json!({ "reason": "stopped" });
    let scenarios = vec![
        granted("open", post(open).bearer(&key), 201, &["item.opened"]),
        denied(
            "too long a reason",
            step("i", "abandon", long).bearer(&key),
            400,
            "general_argument_invalid",
        ),
        granted(
            "abandon",
            step("i", "abandon", reason).bearer(&key),
            200,
            &["item.abandoned"],
        ),
    ];
    play(&world, world.one, scenarios).await;
    let read = world
        .ask(Ask::get("/v1/threads/t/items/i").bearer(&key))
        .await
        .body;
    assert_eq!(read["status"], "abandoned");
    assert_eq!(read["parts"][0]["text"], "half");
}

#[tokio::test]
async fn a_new_life_of_a_thread_shows_nothing_of_the_old_one() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let old =
        json!({ "itemId": "i", "role": "user", "parts": [{ "type": "text", "text": "old" }] });
    assert_eq!(world.ask(post(old).bearer(&key)).await.status, 201);
    assert_eq!(
        world
            .ask(Ask::delete("/v1/threads/t").bearer(&key))
            .await
            .status,
        204
    );
    world.thread(&key, json!({ "threadId": "t" })).await;
    let list = world
        .ask(Ask::get("/v1/threads/t/items").bearer(&key))
        .await
        .body;
    assert_eq!(list, json!({ "total": 0, "items": [] }));
    let gone = world
        .ask(Ask::get("/v1/threads/t/items/i").bearer(&key))
        .await;
    assert_eq!(gone.kind(), "item_not_found");
    let anew = json!({ "itemId": "i", "role": "user" });
    assert_eq!(world.ask(post(anew).bearer(&key)).await.status, 201);
}
