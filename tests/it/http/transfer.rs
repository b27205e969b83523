//! Threads as lines: out of one project and into another.

use serde_json::{Value, json};

use super::event_stream::Stream;
use super::request::{Ask, Reply};
use super::world::World;

pub(super) const ALL: &str = "/v1/export/threads";
pub(super) const IMPORT: &str = "/v1/import/threads";

/// The lines of an answer.
pub(super) fn lines(reply: &Reply) -> Vec<Value> {
    let lines = reply.text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(super) async fn export(world: &World, key: &str, path: &str) -> Vec<Value> {
    let reply = world.ask(Ask::get(path).bearer(key)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    lines(&reply)
}

/// Imports a file, and gives the report.
pub(super) async fn import(world: &World, key: &str, file: &str) -> Value {
    let reply = world
        .ask(Ask::new("POST", IMPORT).bearer(key).body(file))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    lines(&reply).pop().unwrap()["report"].clone()
}

pub(super) fn file(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub(super) fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

pub(super) async fn ask(world: &World, key: &str, ask: Ask, expected: u16) -> Reply {
    let reply = world.ask(ask.bearer(key)).await;
    assert_eq!(reply.status, expected, "{}", reply.text);
    reply
}

pub(super) async fn post(world: &World, key: &str, thread: &str, id: &str, more: Value) {
    let mut body = json!({
        "itemId": id, "role": "user", "parts": [{ "type": "text", "text": format!("says {id}") }]
    });
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    let path = format!("/v1/threads/{thread}/items");
    ask(world, key, Ask::post(path, body), 201).await;
}

/// A project with a thread that has one of everything, and a short one.
pub(super) async fn furnished(world: &World, key: &str) {
    let full = json!({
        "threadId": "full", "name": "Full", "metadata": { "topic": "tides" },
        "permissions": ["read(\"users\")"],
        "participants": [{ "id": "user:ann", "role": "owner" }, { "id": "agent:tutor", "role": "member" }],
    });
    world.thread(key, full).await;
    let item = |path: &str| format!("/v1/threads/full/items/{path}");
    post(
        world,
        key,
        "full",
        "question",
        json!({ "author": "user:ann", "tokens": 7 }),
    )
    .await;
    post(
        world,
        key,
        "full",
        "answer",
        json!({ "author": "agent:tutor", "role": "assistant", "metadata": { "model": "m" } }),
    )
    .await;
    post(world, key, "full", "gone", json!({})).await;
    post(world, key, "full", "after", json!({ "parentId": "gone" })).await;
    post(
        world,
        key,
        "full",
        "other",
        json!({ "parentId": "question", "role": "assistant" }),
    )
    .await;
    let open = json!({ "itemId": "open", "role": "assistant", "status": "open",
        "parts": [{ "type": "text", "text": "so " }] });
    ask(world, key, Ask::post("/v1/threads/full/items", open), 201).await;
    let deltas = json!({ "deltas": [{ "type": "text", "part": 0, "text": "far" }] });
    ask(world, key, Ask::post(item("open/deltas"), deltas), 204).await;
    let edit = json!({ "parts": [{ "type": "text", "text": "edited" }] });
    ask(
        world,
        key,
        Ask::new("PATCH", item("answer")).body(edit.to_string()),
        200,
    )
    .await;
    ask(world, key, Ask::delete(item("gone")), 204).await;
    ask(world, key, Ask::new("PUT", item("question/pin")), 204).await;
    ask(
        world,
        key,
        Ask::new("PUT", item("question/reactions/%F0%9F%91%8D")),
        204,
    )
    .await;
    let read = json!({ "itemId": "answer" }).to_string();
    ask(
        world,
        key,
        Ask::new("PUT", "/v1/threads/full/receipt").body(read),
        204,
    )
    .await;
    let switch = json!({ "itemId": "answer" }).to_string();
    ask(
        world,
        key,
        Ask::new("PUT", "/v1/threads/full/branch").body(switch),
        204,
    )
    .await;
    world.thread(key, json!({ "threadId": "short" })).await;
    post(world, key, "short", "only", json!({})).await;
}

pub(super) async fn get(world: &World, key: &str, path: &str) -> Value {
    ask(world, key, Ask::get(path), 200).await.body
}

#[tokio::test]
async fn who_may_not_export_is_told_so() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let ann = world.person("one", "ann").await;
    let writer = world.key("one", &["threads.write"]).await;
    let other = world.full_key("two").await;
    let one = "/v1/threads/t/export";
    let cases = [
        (
            Ask::get(ALL).bearer(&writer),
            401,
            "general_unauthorized_scope",
        ),
        (
            Ask::get(one).bearer(&writer),
            401,
            "general_unauthorized_scope",
        ),
        (
            Ask::get(one).session("one", &ann.session),
            404,
            "thread_not_found",
        ),
        (Ask::get(one).bearer(&other), 404, "thread_not_found"),
        (
            Ask::get("/v1/threads/none/export").bearer(&key),
            404,
            "thread_not_found",
        ),
        (
            Ask::get(format!("{ALL}?at=tomorrow")).bearer(&key),
            400,
            "general_argument_invalid",
        ),
        (
            Ask::get(format!("{ALL}?at=999999")).bearer(&key),
            400,
            "general_argument_invalid",
        ),
        (
            Ask::get(format!("{ALL}?after=a%20b")).bearer(&key),
            400,
            "general_argument_invalid",
        ),
        (
            Ask::get(format!("{ALL}?minOffset=x")).bearer(&key),
            400,
            "cursor_invalid",
        ),
        (
            Ask::new("POST", ALL).bearer(&key),
            405,
            "general_not_implemented",
        ),
    ];
    for (number, (ask, status, kind)) in cases.into_iter().enumerate() {
        let reply = world.ask(ask).await;
        assert_eq!(
            (reply.status, reply.kind()),
            (status, kind),
            "case {number}: {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn an_export_has_what_the_caller_may_read_and_nothing_else() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let ann = world.person("one", "ann").await;
    let body = json!({ "threadId": "hers", "permissions": ["read(\"user:ann\")"] });
    world.thread(&key, body).await;
    world
        .thread(&key, json!({ "threadId": "secret", "name": "canary" }))
        .await;
    post(&world, &key, "secret", "canary", json!({})).await;
    let reply = world.ask(Ask::get(ALL).session("one", &ann.session)).await;
    assert!(!reply.text.contains("canary"), "{}", reply.text);
    let found = lines(&reply);
    let ids: Vec<_> = of_kind(&found, "thread")
        .iter()
        .map(|line| &line["$id"])
        .collect();
    assert_eq!(ids, ["hers"]);
    // a guest has the scope, and reads nothing
    let found = lines(&world.ask(Ask::get(ALL).project("one")).await);
    let end = json!({ "type": "end", "threads": 0, "items": 0, "receipts": 0, "withdrawn": 0 });
    assert_eq!(found[1..], [end]);
}

#[tokio::test]
async fn lines_have_what_the_answers_have() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    furnished(&world, &key).await;
    let found = export(&world, &key, ALL).await;
    let without_type = |line: &Value| {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("type");
        line
    };
    let kinds: Vec<&str> = found
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    let expected = [
        &["export", "thread"][..],
        &["item"; 6],
        &["receipt", "thread", "item", "end"],
    ];
    assert_eq!(kinds, expected.concat());
    for thread in of_kind(&found, "thread") {
        let id = thread["$id"].as_str().unwrap();
        assert_eq!(
            get(&world, &key, &format!("/v1/threads/{id}")).await,
            without_type(thread)
        );
    }
    let listed = get(&world, &key, "/v1/threads/full/items").await;
    let items = of_kind(&found, "item");
    let items: Vec<Value> = items.into_iter().take(6).map(without_type).collect();
    assert_eq!(listed["items"].as_array().unwrap(), &items);
    let receipts = get(&world, &key, "/v1/threads/full/receipts").await;
    let receipt = of_kind(&found, "receipt")[0];
    assert_eq!(receipts["receipts"][0]["itemId"], receipt["itemId"]);
    assert_eq!(
        receipts["receipts"][0]["participant"],
        receipt["participant"]
    );
    let end = json!({ "type": "end", "threads": 2, "items": 7, "receipts": 1, "withdrawn": 0 });
    assert_eq!(found.last(), Some(&end));
    // one thread alone
    let one = export(&world, &key, "/v1/threads/full/export").await;
    assert_eq!(one[1..9], found[1..9]);
    assert_eq!(one[9]["threads"], 1);
}

#[tokio::test]
async fn an_export_is_of_one_moment_and_a_cut_one_goes_on() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    for thread in ["a", "b", "c"] {
        world.thread(&key, json!({ "threadId": thread })).await;
        for number in 0..130 {
            post(&world, &key, thread, &format!("i{number}"), json!({})).await;
        }
    }
    let mut stream = Stream::of(world.open(Ask::get(ALL).bearer(&key)).await);
    let first = stream.line().await.unwrap();
    // what happens while it is taken is not in it
    post(&world, &key, "c", "late", json!({})).await;
    world.thread(&key, json!({ "threadId": "d" })).await;
    ask(
        &world,
        &key,
        Ask::new("PATCH", "/v1/threads/b").body(r#"{"name":"late"}"#),
        200,
    )
    .await;
    let mut whole = vec![first.clone()];
    while let Some(line) = stream.line().await {
        whole.push(line);
    }
    let end = json!({ "type": "end", "threads": 3, "items": 390, "receipts": 0, "withdrawn": 0 });
    assert_eq!(whole.last(), Some(&end));
    assert!(
        whole
            .iter()
            .all(|line| line["name"] != "late" && line["$id"] != "late")
    );
    // the same moment, from somewhere on
    let at = first["at"].as_str().unwrap();
    for cut in [2, 50, 131, 132, 133, 270, 392] {
        let last = &whole[cut];
        let after = match last["threadId"].as_str() {
            Some(thread) => format!("{thread}/{}", last["$id"].as_str().unwrap()),
            None => continue,
        };
        let rest = export(&world, &key, &format!("{ALL}?at={at}&after={after}")).await;
        let end = rest.len() - 1;
        assert_eq!(
            rest[1..end],
            whole[cut + 1..whole.len() - 1],
            "cut after {after}"
        );
        assert_eq!(rest[0]["at"], at);
    }
    let rest = export(&world, &key, &format!("{ALL}?at={at}&after=b")).await;
    assert_eq!(rest[1], whole[263]);
    let unknown = export(&world, &key, &format!("{ALL}?at={at}&after=z")).await;
    assert_eq!(unknown[1]["error"]["type"], "general_cursor_not_found");
}

#[tokio::test]
async fn what_is_lost_while_it_streams_stops() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let ann = world.person("one", "ann").await;
    let body = |id| json!({ "threadId": id, "permissions": ["read(\"user:ann\")"] });
    world.thread(&key, body("a")).await;
    for number in 0..250 {
        let text = format!("{number} {}", "x".repeat(4_000));
        let parts = json!([{ "type": "text", "text": text }]);
        post(
            &world,
            &key,
            "a",
            &format!("i{number}"),
            json!({ "parts": parts }),
        )
        .await;
    }
    world.thread(&key, body("b")).await;
    post(&world, &key, "b", "first", json!({})).await;
    let ask_all = Ask::get(ALL).session("one", &ann.session);
    let mut stream = Stream::of(world.open(ask_all).await);
    assert_eq!(stream.line().await.unwrap()["type"], "export");
    assert_eq!(stream.line().await.unwrap()["$id"], "a");
    let none = json!({ "permissions": [] }).to_string();
    let put = Ask::new("PUT", "/v1/threads/a/permissions").body(none);
    ask(&world, &key, put, 200).await;
    let mut rest = Vec::new();
    while let Some(line) = stream.line().await {
        rest.push(line);
    }
    assert!(of_kind(&rest, "item").len() < 200, "{}", rest.len());
    assert_eq!(of_kind(&rest, "withdrawn")[0]["threadId"], "a");
    assert_eq!(of_kind(&rest, "thread")[0]["$id"], "b");
    assert_eq!(rest.last().unwrap()["withdrawn"], 1);
    // and a credential that is revoked ends it
    let reader = world
        .make_key("one", everlog_domain::access::Scopes::all(), None)
        .await;
    let mut stream = Stream::of(world.open(Ask::get(ALL).bearer(&reader.reveal())).await);
    assert_eq!(stream.line().await.unwrap()["type"], "export");
    world.revoke_key("one", reader.key.clone()).await;
    let line = stream.line().await.unwrap();
    assert_eq!(line["error"]["type"], "user_unauthorized");
    assert_eq!(stream.line().await, None);
}
