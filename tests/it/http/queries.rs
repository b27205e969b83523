//! `queries[]` on lists.

use serde_json::{Value, json};

use super::request::{Ask, fields};
use super::scenario::{denied, play};
use super::world::World;

#[expect(
    clippy::needless_pass_by_value,
    reason = "written as json!(…) at each use"
)]
fn query(method: &str, attribute: &str, values: Value) -> Value {
    json!({ "method": method, "attribute": attribute, "values": values })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "written as json!(…) at each use"
)]
fn bare(method: &str, values: Value) -> Value {
    json!({ "method": method, "values": values })
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let nested = (0..6).fold(query("equal", "name", json!(["x"])), |inner, _| {
        bare("and", json!([inner, query("equal", "name", json!(["x"]))]))
    });
    let bad = [
        json!("nonsense"),
        json!({ "attribute": "name" }),
        bare("drop", json!([])),
        query("equal", "name", json!([7])),
        // the offset of a thread's creation would tell how busy the project is
        query("greaterThan", "$sequence", json!([1])),
        query("equal", "name", json!([])),
        query("equal", "$createdAt", json!(["yesterday"])),
        query("between", "$createdAt", json!(["2026-01-01T00:00:00Z"])),
        query("lessThan", "name", json!(["a", "b"])),
        query("startsWith", "$createdAt", json!(["2026"])),
        query("equal", "participants", json!(["user:a"])),
        query("equal", "name", json!(vec!["x"; 501])),
        query("equal", "name", json!(["x".repeat(4_096)])),
        bare("and", json!([query("equal", "name", json!(["x"]))])),
        bare("limit", json!([0])),
        bare("limit", json!([5_001])),
        bare("limit", json!(["10"])),
        bare("limit", json!([])),
        bare("offset", json!([5_001])),
        bare("offset", json!([-1])),
        bare("cursorAfter", json!([""])),
        bare("select", json!(["secret"])),
        query("orderAsc", "participants", json!([])),
        nested,
    ];
    // what is not there and what is hidden are one answer
    let hidden = [
        "$readers",
        "$permissions",
        "$sequence",
        "metadata",
        "metadata.secret",
        "participants.role",
        "passwordHash",
        "none",
        "",
    ];
    let hidden = hidden.map(|name| query("equal", name, json!(["x"])));
    let sorts = ["$readers", "$sequence", "metadata", "none"]
        .map(|name| query("orderDesc", name, json!([])));
    let all = bad.into_iter().chain(hidden).chain(sorts);
    let mut scenarios: Vec<_> = all
        .map(|query| {
            let ask = Ask::get("/v1/threads").queries(&[query]).bearer(&key);
            denied("a bad query", ask, 400, "general_query_invalid")
        })
        .collect();
    let many = vec![query("isNotNull", "name", json!([])); 101];
    let many = Ask::get("/v1/threads").queries(&many).bearer(&key);
    scenarios.push(denied("too many", many, 400, "general_query_invalid"));
    let cursor = Ask::get("/v1/threads").queries(&[bare("cursorAfter", json!(["none"]))]);
    scenarios.push(denied(
        "a cursor to nothing",
        cursor.bearer(&key),
        400,
        "general_cursor_not_found",
    ));
    play(&world, world.one, scenarios).await;
}

async fn names(world: &World, key: &str, queries: &[Value]) -> (u64, Vec<String>) {
    let reply = world
        .ask(Ask::get("/v1/threads").queries(queries).bearer(key))
        .await;
    assert_eq!(reply.status, 200, "{queries:?}: {}", reply.text);
    let threads = reply.body["threads"].as_array().unwrap().iter();
    let names = threads.map(|thread| thread["name"].as_str().unwrap_or("-").to_owned());
    (reply.body["total"].as_u64().unwrap(), names.collect())
}

#[tokio::test]
async fn threads_are_filtered_sorted_and_paged() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    for name in ["delta", "alpha", "charlie", "bravo", "echo"] {
        let participants = json!([{ "id": format!("user:{name}"), "role": "viewer" }]);
        world
            .thread(
                &key,
                json!({ "threadId": name, "name": name, "participants": participants }),
            )
            .await;
    }
    let by_name = query("orderAsc", "name", json!([]));
    let limit = |count: u32| bare("limit", json!([count]));
    let table: Vec<(Vec<Value>, u64, &[&str])> = vec![
        (
            vec![by_name.clone()],
            5,
            &["alpha", "bravo", "charlie", "delta", "echo"],
        ),
        (
            vec![bare("orderAsc", json!([]))],
            5,
            &["delta", "alpha", "charlie", "bravo", "echo"],
        ),
        (
            vec![query("orderDesc", "name", json!([])), limit(2)],
            5,
            &["echo", "delta"],
        ),
        (
            vec![by_name.clone(), limit(2), bare("offset", json!([1]))],
            5,
            &["bravo", "charlie"],
        ),
        (
            vec![
                by_name.clone(),
                limit(2),
                bare("cursorAfter", json!(["bravo"])),
            ],
            5,
            &["charlie", "delta"],
        ),
        (
            vec![
                by_name.clone(),
                limit(2),
                bare("cursorBefore", json!(["delta"])),
            ],
            5,
            &["bravo", "charlie"],
        ),
        (
            vec![
                query("equal", "name", json!(["echo", "bravo"])),
                by_name.clone(),
            ],
            2,
            &["bravo", "echo"],
        ),
        (
            vec![
                query("notEqual", "name", json!(["echo"])),
                by_name.clone(),
                limit(1),
            ],
            4,
            &["alpha"],
        ),
        (
            vec![query("startsWith", "name", json!(["ch"]))],
            1,
            &["charlie"],
        ),
        (
            vec![query("between", "name", json!(["b", "d"])), by_name.clone()],
            2,
            &["bravo", "charlie"],
        ),
        (
            vec![
                query("notBetween", "name", json!(["b", "d"])),
                by_name.clone(),
            ],
            3,
            &["alpha", "delta", "echo"],
        ),
        (
            vec![query("contains", "participants", json!(["user:echo"]))],
            1,
            &["echo"],
        ),
        (
            vec![query(
                "containsAll",
                "participants",
                json!(["user:echo", "user:alpha"]),
            )],
            0,
            &[],
        ),
        (vec![query("isNull", "name", json!([]))], 0, &[]),
        (
            vec![
                bare("createdAfter", json!(["2020-01-01T00:00:00Z"])),
                by_name.clone(),
                limit(1),
            ],
            5,
            &["alpha"],
        ),
        (
            vec![
                bare(
                    "or",
                    json!([
                        query("equal", "name", json!(["alpha"])),
                        bare(
                            "and",
                            json!([
                                query("greaterThan", "name", json!(["d"])),
                                query("lessThan", "name", json!(["e"]))
                            ])
                        ),
                    ]),
                ),
                by_name,
            ],
            2,
            &["alpha", "delta"],
        ),
    ];
    for (queries, total, expected) in table {
        let found = names(&world, &key, &queries).await;
        let expected = expected.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(found, (total, expected), "{queries:?}");
    }
    let uncounted = world
        .ask(Ask::get("/v1/threads?total=false").bearer(&key))
        .await;
    assert_eq!(uncounted.body["total"], 0);
    assert_eq!(uncounted.body["threads"].as_array().unwrap().len(), 5);
    let select = Ask::get("/v1/threads").queries(&[bare("select", json!(["name"])), limit(1)]);
    let thread = world.ask(select.bearer(&key)).await.body["threads"][0].clone();
    let expected = ["$createdAt", "$id", "$permissions", "$updatedAt", "name"];
    assert_eq!(fields(&thread), expected);
}

#[tokio::test]
async fn items_are_paged_by_their_ids() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    world.thread(&key, json!({ "threadId": "u" })).await;
    for number in 0..250 {
        let role = if number % 2 == 0 { "user" } else { "assistant" };
        let body = json!({ "itemId": format!("i{number}"), "role": role });
        let thread = if number == 7 { "u" } else { "t" };
        let ask = Ask::post(format!("/v1/threads/{thread}/items"), body);
        assert_eq!(world.ask(ask.bearer(&key)).await.status, 201);
    }
    let list = |queries: &[Value]| {
        Ask::get("/v1/threads/t/items")
            .queries(queries)
            .bearer(&key)
    };
    let mut seen = Vec::new();
    loop {
        let mut queries = vec![bare("limit", json!([60]))];
        queries.extend(
            seen.last()
                .map(|id: &String| bare("cursorAfter", json!([id]))),
        );
        let page = world.ask(list(&queries)).await.body;
        assert_eq!(page["total"], 249);
        let ids = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["$id"].as_str().unwrap().to_owned());
        let before = seen.len();
        seen.extend(ids);
        if seen.len() - before < 60 {
            break;
        }
    }
    let expected: Vec<String> = (0..250)
        .filter(|n| *n != 7)
        .map(|n| format!("i{n}"))
        .collect();
    assert_eq!(seen, expected);
    let whole = world.ask(list(&[bare("limit", json!([5_000]))])).await.body;
    let whole = whole["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["$id"].as_str().unwrap());
    assert!(whole.eq(expected.iter().map(String::as_str)));
    let newest = [
        query("orderDesc", "$sequence", json!([])),
        bare("limit", json!([2])),
        query("equal", "role", json!(["user"])),
    ];
    let newest = world.ask(list(&newest)).await.body;
    assert_eq!(
        (&newest["items"][0]["$id"], &newest["items"][1]["$id"]),
        (&json!("i248"), &json!("i246"))
    );
    let scenarios = vec![
        denied(
            "another thread's item",
            list(&[bare("cursorAfter", json!(["i7"]))]),
            400,
            "general_cursor_not_found",
        ),
        denied(
            "hidden",
            list(&[query("equal", "$offset", json!([1]))]),
            400,
            "general_query_invalid",
        ),
        denied(
            "hidden too",
            list(&[query("equal", "$incarnation", json!([1]))]),
            400,
            "general_query_invalid",
        ),
        denied(
            "content",
            list(&[query("contains", "parts", json!(["x"]))]),
            400,
            "general_query_invalid",
        ),
    ];
    play(&world, world.one, scenarios).await;
}
