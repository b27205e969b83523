//! The past of threads and items: who may read it, and what it was.

use serde_json::{Value, json};

use super::request::{Ask, Reply};
use super::scenario::{denied, granted, play};
use super::world::{Person, World};

/// Percent-encodes what may stand in a query string.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(super) fn at(path: &str, moment: &str) -> Ask {
    Ask::get(format!("{path}?at={}", escaped(moment)))
}

/// Does something that is granted, and answers with the place in the log that it reached.
pub(super) async fn reach(world: &World, ask: Ask) -> String {
    let reply = world.ask(ask).await;
    assert!(reply.status < 300, "{}", reply.text);
    reply.header("x-everlog-cursor").unwrap().to_owned()
}

pub(super) fn create(thread: &str) -> Ask {
    Ask::post(
        "/v1/threads",
        json!({ "threadId": thread, "name": "First", "permissions": [] }),
    )
}

pub(super) fn rename(thread: &str, name: &str) -> Ask {
    Ask::new("PATCH", format!("/v1/threads/{thread}")).body(json!({ "name": name }).to_string())
}

pub(super) fn say(thread: &str, item: &str, text: &str) -> Ask {
    let parts = json!([{ "type": "text", "text": text }]);
    Ask::post(
        format!("/v1/threads/{thread}/items"),
        json!({ "itemId": item, "role": "user", "parts": parts }),
    )
}

fn admit(thread: &str, person: &Person) -> Ask {
    let path = format!("/v1/threads/{thread}/participants/user:{}", person.id);
    Ask::new("PUT", path).body(r#"{"role":"member"}"#)
}

fn dismiss(thread: &str, person: &Person) -> Ask {
    Ask::delete(format!(
        "/v1/threads/{thread}/participants/user:{}",
        person.id
    ))
}

/// Every route that takes a moment of one thread.
fn of_thread(moment: &str) -> Vec<Ask> {
    let paths = [
        "/v1/threads/t",
        "/v1/threads/t/items",
        "/v1/threads/t/items/i",
    ];
    paths.map(|path| at(path, moment)).into()
}

async fn ids(world: &World, ask: Ask) -> Vec<String> {
    let reply = world.ask(ask).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    ids_of(&reply)
}

fn ids_of(reply: &Reply) -> Vec<String> {
    let list = ["threads", "items"].map(|name| reply.body[name].as_array());
    let rows = list.into_iter().flatten().flatten();
    rows.map(|row| row["$id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn moments_that_do_not_read_are_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let blind = world.key("one", &["threads.read", "threads.write"]).await;
    let write_only = world.key("one", &["threads.write"]).await;
    reach(&world, create("t").bearer(&key)).await;
    reach(&world, say("t", "i", "a").bearer(&key)).await;
    let head = world.head(world.one).0;
    let foreign = world.full_key("two").await;
    world.thread(&foreign, json!({ "threadId": "t" })).await;
    let of_two = reach(&world, rename("t", "x").bearer(&foreign)).await;
    let invalid = "general_argument_invalid";
    let mut scenarios = Vec::new();
    let mut paths = vec!["/v1/threads".to_owned()];
    paths.extend(
        ["", "/items", "/items/i", "/history", "/items/i/history"]
            .map(|rest| format!("/v1/threads/t{rest}")),
    );
    let beyond = (head + 1).to_string();
    for path in &paths {
        for moment in [
            "",
            "nonsense",
            "-1",
            "1.5",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            of_two.as_str(),
            beyond.as_str(),
            "18446744073709551615",
            "2999-01-01T00:00:00Z",
        ] {
            scenarios.push(denied(
                "no moment",
                at(path, moment).bearer(&key),
                400,
                invalid,
            ));
        }
        // a number that is refused or not would tell how far the log has got
        scenarios.push(denied(
            "a number without log.read",
            at(path, "1").bearer(&blind),
            400,
            invalid,
        ));
        scenarios.push(denied(
            "without threads.read",
            at(path, "1").bearer(&write_only),
            401,
            "general_unauthorized_scope",
        ));
        scenarios.push(granted(
            "now",
            at(path, &head.to_string()).bearer(&key),
            200,
            &[],
        ));
    }
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn what_was_not_there_yet_is_not_found() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let before = world.head(world.one).0.to_string();
    let created = reach(&world, create("t").bearer(&key)).await;
    reach(&world, say("t", "i", "a").bearer(&key)).await;
    let by_key = |ask: Ask| ask.bearer(&key);
    let scenarios = vec![
        denied(
            "the thread",
            by_key(at("/v1/threads/t", &before)),
            404,
            "thread_not_found",
        ),
        denied(
            "at 0",
            by_key(at("/v1/threads/t", "0")),
            404,
            "thread_not_found",
        ),
        denied(
            "long ago",
            by_key(at("/v1/threads/t", "1999-01-01T00:00:00Z")),
            404,
            "thread_not_found",
        ),
        denied(
            "its items",
            by_key(at("/v1/threads/t/items", &before)),
            404,
            "thread_not_found",
        ),
        denied(
            "its item",
            by_key(at("/v1/threads/t/items/i", &before)),
            404,
            "thread_not_found",
        ),
        denied(
            "the item",
            by_key(at("/v1/threads/t/items/i", &created)),
            404,
            "item_not_found",
        ),
        granted(
            "the thread then",
            by_key(at("/v1/threads/t", &created)),
            200,
            &[],
        ),
    ];
    play(&world, world.one, scenarios).await;
    for moment in ["0", before.as_str(), "1999-01-01T00:00:00Z"] {
        let list = world.ask(by_key(at("/v1/threads", moment))).await;
        assert_eq!(
            (&list.body["total"], ids_of(&list).len()),
            (&json!(0), 0),
            "{moment}"
        );
    }
    let items = world.ask(by_key(at("/v1/threads/t/items", &created))).await;
    assert_eq!(items.body, json!({ "total": 0, "items": [] }));
    assert_eq!(items.header("x-everlog-cursor"), Some(created.as_str()));
}

#[tokio::test]
async fn who_was_removed_reads_nothing_and_who_was_added_not_what_lies_before() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let by_key = |ask: Ask| ask.bearer(&key);
    let (ann, bob) = (
        world.person("one", "ann").await,
        world.person("one", "bob").await,
    );
    reach(&world, by_key(create("t"))).await;
    reach(&world, by_key(admit("t", &ann))).await;
    let with_ann = reach(&world, by_key(say("t", "i", "to ann"))).await;
    reach(&world, by_key(dismiss("t", &ann))).await;
    let with_nobody = reach(&world, by_key(rename("t", "Second"))).await;
    let with_bob = reach(&world, by_key(admit("t", &bob))).await;
    reach(&world, by_key(rename("t", "Third"))).await;
    let as_ann = |ask: Ask| ask.session("one", &ann.session);
    let as_bob = |ask: Ask| ask.session("one", &bob.session);
    let mut scenarios = Vec::new();
    for moment in [&with_ann, &with_nobody, &with_bob] {
        for ask in of_thread(moment) {
            scenarios.push(denied(
                "removed today",
                as_ann(ask.clone()),
                404,
                "thread_not_found",
            ));
            scenarios.push(denied(
                "a guest",
                ask.project("one"),
                404,
                "thread_not_found",
            ));
        }
    }
    for moment in [&with_ann, &with_nobody] {
        for ask in of_thread(moment) {
            scenarios.push(denied(
                "not admitted yet",
                as_bob(ask),
                404,
                "thread_not_found",
            ));
        }
    }
    for ask in of_thread(&with_bob) {
        scenarios.push(granted("admitted by then", as_bob(ask), 200, &[]));
    }
    for ask in ["", "/items/i"].map(|rest| Ask::get(format!("/v1/threads/t{rest}/history"))) {
        scenarios.push(denied(
            "removed today",
            as_ann(ask.clone()),
            404,
            "thread_not_found",
        ));
        scenarios.push(granted("a member", as_bob(ask), 200, &[]));
    }
    play(&world, world.one, scenarios).await;
    for (moment, found) in [(&with_ann, 0), (&with_nobody, 0), (&with_bob, 1)] {
        assert_eq!(
            ids(&world, as_bob(at("/v1/threads", moment))).await.len(),
            found
        );
        assert_eq!(
            ids(&world, as_ann(at("/v1/threads", moment))).await.len(),
            0
        );
    }
    let then = world.ask(as_bob(at("/v1/threads/t", &with_bob))).await.body;
    assert_eq!(then["name"], "Second");
    // of a history somebody sees what was done while it might read, and not what was there before
    let history = world
        .ask(as_bob(Ask::get("/v1/threads/t/history")))
        .await
        .body;
    let kinds: Vec<&str> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["thread.participant.added", "thread.updated"]);
    let changes = |event: usize| {
        history["events"][event]["changes"]
            .as_array()
            .unwrap()
            .clone()
    };
    assert!(
        changes(0).iter().all(|change| change.get("from").is_none()),
        "{history}"
    );
    assert_eq!(
        changes(1),
        [json!({ "column": "name", "from": "Second", "to": "Third" })]
    );
    let item = world
        .ask(as_bob(Ask::get("/v1/threads/t/items/i/history")))
        .await
        .body;
    assert_eq!(item, json!({ "events": [] }));
    // the permissions of that moment may have allowed it
    let open = json!({ "permissions": ["read(\"users\")"] }).to_string();
    let opened = reach(
        &world,
        by_key(Ask::new("PUT", "/v1/threads/t/permissions").body(open)),
    )
    .await;
    reach(&world, by_key(admit("t", &ann))).await;
    assert_eq!(
        world.ask(as_ann(at("/v1/threads/t", &opened))).await.status,
        200
    );
    assert_eq!(
        world
            .ask(as_ann(at("/v1/threads/t", &with_ann)))
            .await
            .status,
        200
    );
    assert_eq!(
        world
            .ask(as_ann(at("/v1/threads/t", &with_nobody)))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn what_is_deleted_is_there_for_its_scope_alone() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let no_history = world
        .key("one", &["threads.read", "threads.write", "log.read"])
        .await;
    let by_key = |ask: Ask| ask.bearer(&key);
    let ann = world.person("one", "ann").await;
    reach(&world, by_key(create("t"))).await;
    reach(&world, by_key(admit("t", &ann))).await;
    let first = reach(&world, by_key(say("t", "i", "secret"))).await;
    let deleted = reach(&world, by_key(Ask::delete("/v1/threads/t"))).await;
    let history = ["", "/items/i"].map(|rest| Ask::get(format!("/v1/threads/t{rest}/history")));
    let mut scenarios = Vec::new();
    let asks = || of_thread(&first).into_iter().chain(history.clone());
    for ask in asks() {
        scenarios.push(denied(
            "a participant",
            ask.clone().session("one", &ann.session),
            404,
            "thread_not_found",
        ));
        scenarios.push(denied(
            "without history.read",
            ask.clone().bearer(&no_history),
            404,
            "thread_not_found",
        ));
        scenarios.push(granted("with history.read", ask.bearer(&key), 200, &[]));
    }
    for ask in of_thread(&deleted) {
        scenarios.push(denied(
            "after its end",
            ask.bearer(&key),
            404,
            "thread_not_found",
        ));
    }
    play(&world, world.one, scenarios).await;
    assert_eq!(
        ids(&world, at("/v1/threads", &first).bearer(&no_history))
            .await
            .len(),
        0
    );
    assert_eq!(
        ids(
            &world,
            at("/v1/threads", &first).session("one", &ann.session)
        )
        .await
        .len(),
        0
    );
    assert_eq!(ids(&world, by_key(at("/v1/threads", &first))).await, ["t"]);
    // the id is taken again: neither life shows anything of the other
    let again = reach(
        &world,
        by_key(Ask::post(
            "/v1/threads",
            json!({ "threadId": "t", "name": "Again" }),
        )),
    )
    .await;
    reach(&world, by_key(admit("t", &ann))).await;
    reach(&world, by_key(say("t", "i", "new"))).await;
    let mut scenarios = Vec::new();
    for ask in of_thread(&first) {
        scenarios.push(denied(
            "a participant of both",
            ask.clone().session("one", &ann.session),
            404,
            "thread_not_found",
        ));
        scenarios.push(denied(
            "without history.read",
            ask.bearer(&no_history),
            404,
            "thread_not_found",
        ));
    }
    scenarios.push(granted(
        "the new life",
        at("/v1/threads/t", &again).bearer(&no_history),
        200,
        &[],
    ));
    scenarios.push(denied(
        "its item then",
        by_key(at("/v1/threads/t/items/i", &again)),
        404,
        "item_not_found",
    ));
    play(&world, world.one, scenarios).await;
    let item = world
        .ask(by_key(at("/v1/threads/t/items/i", &first)))
        .await
        .body;
    assert_eq!(item["parts"][0]["text"], "secret");
    let name = async |moment: &str| {
        world.ask(by_key(at("/v1/threads/t", moment))).await.body["name"].clone()
    };
    assert_eq!(
        (name(&first).await, name(&again).await),
        (json!("First"), json!("Again"))
    );
    let texts = async |ask: Ask| world.ask(ask).await.text;
    let now = texts(by_key(Ask::get("/v1/threads/t/history"))).await;
    assert!(!now.contains("secret") && now.contains("Again"), "{now}");
    let then = texts(by_key(at("/v1/threads/t/history", &first))).await;
    assert!(then.contains("secret") && !then.contains("Again"), "{then}");
    assert_eq!(
        ids(&world, at("/v1/threads", &first).bearer(&no_history))
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn lists_and_items_are_as_they_were() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let by_key = |ask: Ask| ask.bearer(&key);
    for thread in ["a", "b", "c", "d"] {
        reach(&world, by_key(create(thread))).await;
        reach(&world, by_key(rename(thread, thread))).await;
    }
    let then = reach(&world, by_key(say("b", "i1", "one"))).await;
    reach(&world, by_key(rename("a", "z"))).await;
    reach(&world, by_key(Ask::delete("/v1/threads/c"))).await;
    reach(&world, by_key(create("e"))).await;
    let query = |method: &str, attribute: &str, values: Value| json!({ "method": method, "attribute": attribute, "values": values });
    let list = |queries: &[Value]| {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("at", &then);
        for query in queries {
            pairs.append_pair("queries[]", &query.to_string());
        }
        by_key(Ask::get(format!("/v1/threads?{}", pairs.finish())))
    };
    let by_name = query("orderAsc", "name", json!([]));
    let limit = json!({ "method": "limit", "values": [1] });
    let after = |id: &str| json!({ "method": "cursorAfter", "values": [id] });
    let before = |id: &str| json!({ "method": "cursorBefore", "values": [id] });
    let by_name_down = query("orderDesc", "name", json!([]));
    let table: Vec<(Vec<Value>, i64, &[&str])> = vec![
        (vec![], 4, &["a", "b", "c", "d"]),
        (vec![by_name.clone()], 4, &["a", "b", "c", "d"]),
        (vec![by_name.clone(), limit.clone(), after("a")], 4, &["b"]),
        (vec![by_name.clone(), limit.clone(), after("b")], 4, &["c"]),
        (vec![by_name.clone(), limit.clone(), after("c")], 4, &["d"]),
        (vec![by_name.clone(), before("c")], 4, &["a", "b"]),
        (vec![by_name_down, limit], 4, &["d"]),
        (vec![query("equal", "name", json!(["z"]))], 0, &[]),
        (
            vec![query("equal", "name", json!(["a", "d"]))],
            2,
            &["a", "d"],
        ),
    ];
    for (queries, total, expected) in table {
        let reply = world.ask(list(&queries)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(
            (reply.body["total"].as_i64(), ids_of(&reply)),
            (
                Some(total),
                expected.iter().map(|&id| id.to_owned()).collect()
            ),
            "{queries:?}"
        );
    }
    let unknown = list(&[after("e")]);
    play(
        &world,
        world.one,
        vec![denied(
            "a cursor on what came later",
            unknown,
            400,
            "general_cursor_not_found",
        )],
    )
    .await;
}

#[tokio::test]
async fn what_was_being_written_is_read_as_far_as_it_had_got() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let by_key = |ask: Ask| ask.bearer(&key);
    reach(&world, by_key(create("t"))).await;
    let body = json!({ "itemId": "i", "role": "assistant", "status": "open", "parts": [{ "type": "text", "text": "" }] });
    reach(&world, by_key(Ask::post("/v1/threads/t/items", body))).await;
    let append = |text: &str| {
        let deltas = json!({ "deltas": [{ "type": "text", "part": 0, "text": text }] });
        by_key(Ask::post("/v1/threads/t/items/i/deltas", deltas))
    };
    let one = reach(&world, append("one ")).await;
    let two = reach(&world, append("two ")).await;
    let text = async |moment: &str| {
        let item = world
            .ask(by_key(at("/v1/threads/t/items/i", moment)))
            .await
            .body;
        let list = world
            .ask(by_key(at("/v1/threads/t/items", moment)))
            .await
            .body;
        assert_eq!(list["items"][0], item);
        (item["status"].clone(), item["parts"][0]["text"].clone())
    };
    let open = |text: &str| (json!("open"), json!(text));
    assert_eq!(text(&one).await, open("one "), "while it is still open");
    let finished = reach(
        &world,
        by_key(Ask::post(
            "/v1/threads/t/items/i/finish",
            json!({ "tokens": 2 }),
        )),
    )
    .await;
    assert_eq!(text(&one).await, open("one "));
    assert_eq!(text(&two).await, open("one two "));
    assert_eq!(
        text(&finished).await,
        (json!("finished"), json!("one two "))
    );
    let history = world
        .ask(by_key(Ask::get("/v1/threads/t/items/i/history")))
        .await
        .body;
    let events = history["events"].as_array().unwrap();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["item.opened", "item.finished"]);
    let part = |text: &str| json!([{ "type": "text", "text": text }]);
    let changes = events[1]["changes"].as_array().unwrap();
    for change in [
        json!({ "column": "status", "from": "open", "to": "finished" }),
        json!({ "column": "parts", "from": part(""), "to": part("one two ") }),
        json!({ "column": "tokens", "from": null, "to": 2 }),
    ] {
        assert!(changes.contains(&change), "{change} is not in {changes:?}");
    }
}
