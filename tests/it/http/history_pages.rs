//! Histories in pages, and sizes in place of what is large.

use serde_json::json;

use super::history::{create, reach, rename, say};
use super::request::Ask;
use super::scenario::{denied, play};
use super::world::World;

#[tokio::test]
async fn histories_have_pages_and_sizes_of_what_is_large() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let by_key = |ask: Ask| ask.bearer(&key);
    reach(&world, by_key(create("t"))).await;
    reach(&world, by_key(say("t", "i", &"x".repeat(5_000)))).await;
    for name in ["b", "c", "d"] {
        reach(&world, by_key(rename("t", name))).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = Ask::get(format!("/v1/threads/t/history?limit=2{cursor}"));
        let page = world.ask(by_key(page)).await.body;
        seen.extend(page["events"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let kinds: Vec<&str> = seen
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "thread.created",
            "item.posted",
            "thread.updated",
            "thread.updated",
            "thread.updated"
        ]
    );
    let names = seen[2..].iter().map(|event| event["changes"][0].clone());
    let renamed = |from: &str, to: &str| json!({ "column": "name", "from": from, "to": to });
    assert!(names.eq([renamed("First", "b"), renamed("b", "c"), renamed("c", "d")]));
    let parts = seen[1]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["column"] == "parts")
        .unwrap();
    assert!(
        parts["to"].is_null() && parts["toBytes"].as_u64().unwrap() > 5_000,
        "{parts}"
    );
    assert_eq!(seen[1]["itemId"], "i");
    let history = |query: &str| by_key(Ask::get(format!("/v1/threads/t/history?{query}")));
    let scenarios = vec![
        denied(
            "no events",
            history("limit=0"),
            400,
            "general_argument_invalid",
        ),
        denied(
            "too many",
            history("limit=101"),
            400,
            "general_argument_invalid",
        ),
        denied("a bad cursor", history("cursor=x"), 400, "cursor_invalid"),
        denied(
            "no item",
            by_key(Ask::get("/v1/threads/t/items/x/history")),
            404,
            "item_not_found",
        ),
    ];
    play(&world, world.one, scenarios).await;
}
