//! Threads as lines: out of one project and into another.

use serde_json::{Value, json};

use super::event_stream::Stream;
use super::request::{Ask, Reply};
use super::world::World;

const ALL: &str = "/v1/export/threads";
const IMPORT: &str = "/v1/import/threads";

/// The lines of an answer.
fn lines(reply: &Reply) -> Vec<Value> {
    let lines = reply.text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn export(world: &World, key: &str, path: &str) -> Vec<Value> {
    let reply = world.ask(Ask::get(path).bearer(key)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    lines(&reply)
}

/// Imports a file, and gives the report.
async fn import(world: &World, key: &str, file: &str) -> Value {
    let reply = world
        .ask(Ask::new("POST", IMPORT).bearer(key).body(file))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    lines(&reply).pop().unwrap()["report"].clone()
}

fn file(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

async fn ask(world: &World, key: &str, ask: Ask, expected: u16) -> Reply {
    let reply = world.ask(ask.bearer(key)).await;
    assert_eq!(reply.status, expected, "{}", reply.text);
    reply
}

async fn post(world: &World, key: &str, thread: &str, id: &str, more: Value) {
    let mut body = json!({
        "itemId": id, "role": "user", "parts": [{ "type": "text", "text": format!("says {id}") }]
    });
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    let path = format!("/v1/threads/{thread}/items");
    ask(world, key, Ask::post(path, body), 201).await;
}

/// A project with a thread that has one of everything, and a short one.
async fn furnished(world: &World, key: &str) {
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

async fn get(world: &World, key: &str, path: &str) -> Value {
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

#[tokio::test]
async fn who_may_not_import_is_told_so() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let reader = world.key("one", &["threads.read"]).await;
    let before = world.head(world.one);
    let thread = json!({ "type": "thread", "$id": "t" }).to_string();
    let import = || Ask::new("POST", IMPORT).body(thread.clone());
    let cases = [
        (import().project("one"), 401, "general_unauthorized_scope"),
        (
            import().session("one", &ann.session),
            401,
            "general_unauthorized_scope",
        ),
        (import().bearer(&reader), 401, "general_unauthorized_scope"),
        (
            import().bearer("standard_one~a~b"),
            401,
            "user_unauthorized",
        ),
        (
            Ask::get(IMPORT).bearer(&reader),
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
    assert_eq!(world.head(world.one), before, "nothing was made");
}

#[tokio::test]
async fn a_line_that_does_not_hold_is_named_and_the_others_are_taken() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "taken" })).await;
    let item = |thread: &str, id: &str| json!({ "type": "item", "$id": id, "threadId": thread, "role": "user" });
    let with = |mut line: Value, name: &str, value: Value| {
        line[name] = value;
        line
    };
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (json!({ "type": "thread", "$id": "t" }), ""),
        (item("t", "one"), ""),
        (json!("text"), "general_argument_invalid"),
        (json!({ "type": "wish" }), "general_argument_invalid"),
        (json!({ "$id": "t" }), "general_argument_invalid"),
        (item("t", "a b"), "general_argument_invalid"),
        (item("other", "two"), "general_argument_invalid"),
        (
            with(item("t", "two"), "role", json!("king")),
            "general_argument_invalid",
        ),
        (
            with(item("t", "two"), "status", json!("king")),
            "general_argument_invalid",
        ),
        (
            with(item("t", "two"), "secret", json!(1)),
            "general_argument_invalid",
        ),
        (
            with(item("t", "two"), "metadata", json!({ "deep": deep })),
            "general_argument_invalid",
        ),
        (
            with(item("t", "two"), "parentId", json!("nobody")),
            "item_parent_not_found",
        ),
        (
            with(
                item("t", "two"),
                "parts",
                json!(vec![json!({ "type": "text", "text": "" }); 65]),
            ),
            "item_part_invalid",
        ),
        (item("t", "two"), ""),
        (
            json!({ "type": "thread", "$id": "taken" }),
            "thread_already_exists",
        ),
        (item("taken", "two"), "thread_not_found"),
        (
            with(
                json!({ "type": "thread", "$id": "u" }),
                "$permissions",
                json!(["king"]),
            ),
            "general_argument_invalid",
        ),
        (
            json!({ "type": "export", "version": 2 }),
            "general_argument_invalid",
        ),
        (json!({ "type": "end" }), ""),
    ];
    let text: Vec<Value> = cases.iter().map(|(line, _)| line.clone()).collect();
    let report = import(&world, &key, &format!("\n{}not json\n", file(&text))).await;
    let rejected = report["rejectedLines"].as_array().unwrap();
    let found: Vec<_> = rejected
        .iter()
        .map(|line| {
            (
                line["line"].as_u64().unwrap(),
                line["type"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = (2..).zip(cases.iter().map(|(_, kind)| *kind));
    let mut expected: Vec<(u64, &str)> = expected.filter(|(_, kind)| !kind.is_empty()).collect();
    expected.push((cases.len() as u64 + 2, "general_argument_invalid"));
    let mut found = found;
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(report["rejected"], expected.len());
    assert_eq!(report["threads"], json!({ "accepted": 1, "existing": 0 }));
    assert_eq!(report["items"], json!({ "accepted": 2, "existing": 0 }));
    assert_eq!(report["complete"], true);
    let listed = get(&world, &key, "/v1/threads/t/items").await;
    assert_eq!(listed["total"], 2);
}

#[tokio::test]
async fn rejected_lines_are_bounded_and_counted() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let report = import(&world, &key, &"no\n".repeat(1_000)).await;
    assert_eq!(report["rejected"], 1_000);
    assert_eq!(report["rejectedLines"].as_array().unwrap().len(), 100);
    assert_eq!(report["complete"], false);
}

#[tokio::test]
async fn what_was_exported_is_imported_elsewhere() {
    let world = World::new().await;
    let (one, two) = (world.full_key("one").await, world.full_key("two").await);
    furnished(&world, &one).await;
    let exported = export(&world, &one, ALL).await;
    let report = import(&world, &two, &file(&exported)).await;
    assert_eq!(report["complete"], true);
    assert_eq!(report["rejected"], 0, "{report}");
    assert_eq!(report["threads"]["accepted"], 2);
    assert_eq!(report["items"]["accepted"], 7);
    assert_eq!(report["skipped"], json!({ "reactions": 1, "receipts": 1 }));
    let again = export(&world, &two, ALL).await;
    let threads =
        |lines: &[Value]| -> Vec<Value> { of_kind(lines, "thread").into_iter().cloned().collect() };
    for (was, is) in threads(&exported).iter().zip(&threads(&again)) {
        for field in [
            "$id",
            "name",
            "$permissions",
            "participants",
            "activeItemId",
        ] {
            assert_eq!(was[field], is[field], "{field}");
        }
        assert_eq!(is["metadata"]["$original"]["createdAt"], was["$createdAt"]);
    }
    assert_eq!(threads(&again)[0]["metadata"]["topic"], "tides");
    let (was, is) = (of_kind(&exported, "item"), of_kind(&again, "item"));
    assert_eq!(was.len(), is.len());
    for (was, is) in was.iter().zip(&is) {
        for field in ["$id", "threadId", "role", "parts", "tokens", "parentId"] {
            assert_eq!(was[field], is[field], "{field} of {}", was["$id"]);
        }
        let original = &is["metadata"]["$original"];
        match was["status"].as_str().unwrap() {
            "deleted" => assert_eq!(
                (&is["status"], &is["metadata"]),
                (&json!("deleted"), &json!({}))
            ),
            "open" => assert_eq!(is["status"], "abandoned"),
            status => {
                assert_eq!(is["status"], status);
                assert_eq!(original["createdAt"], was["$createdAt"]);
            }
        }
        assert_eq!(was["pinnedAt"].is_null(), is["pinnedAt"].is_null());
        // users and agents are spoken for, keys are not
        if was["author"].as_str().unwrap().starts_with("key:") && was["status"] != "deleted" {
            assert_eq!(original["author"], was["author"]);
        } else if was["status"] != "deleted" {
            assert_eq!(is["author"], was["author"]);
        }
    }
    let question = is.iter().find(|item| item["$id"] == "question").unwrap();
    assert_eq!(
        question["metadata"]["$original"]["reactions"],
        json!({ "👍": 1 })
    );
    // the same branch goes on
    let branch = |key: String| {
        let world = &world;
        async move {
            let body = get(world, &key, "/v1/threads/full/items?branch=active").await;
            let items = body["items"].as_array().unwrap().clone();
            items
                .iter()
                .map(|item| item["$id"].clone())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(branch(one).await, branch(two).await);
}

#[tokio::test]
async fn the_same_file_makes_nothing_twice_however_it_was_cut() {
    let world = World::new().await;
    let (one, two) = (world.full_key("one").await, world.full_key("two").await);
    furnished(&world, &one).await;
    let exported = export(&world, &one, ALL).await;
    let number = world
        .edge
        .node
        .project_number(&everlog_domain::ids::ProjectId::parse("two").unwrap());
    let number = number.unwrap().unwrap();
    for cut in 1..exported.len() {
        let report = import(&world, &two, &file(&exported[..cut])).await;
        assert_eq!(
            (&report["complete"], &report["rejected"]),
            (&json!(false), &json!(0))
        );
    }
    let report = import(&world, &two, &file(&exported)).await;
    assert_eq!(report["complete"], true);
    assert_eq!(report["threads"], json!({ "accepted": 0, "existing": 2 }));
    assert_eq!(report["items"], json!({ "accepted": 0, "existing": 7 }));
    let head = world.head(number);
    let report = import(&world, &two, &file(&exported)).await;
    assert_eq!(report["rejected"], 0, "{report}");
    assert_eq!(world.head(number), head, "nothing happened");
    // nor is what was imported taken for another on its way back, or further on
    let further = export(&world, &two, ALL).await;
    for key in [&one, &two] {
        let report = import(&world, key, &file(&further)).await;
        assert_eq!(
            report["threads"],
            json!({ "accepted": 0, "existing": 2 }),
            "{report}"
        );
        assert_eq!(report["items"], json!({ "accepted": 0, "existing": 7 }));
    }
    assert_eq!(world.head(number), head);
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_imports_no_more() {
    let world = World::new().await;
    let key = world
        .make_key("one", everlog_domain::access::Scopes::all(), None)
        .await;
    let (more, lines) = tokio::sync::mpsc::channel::<String>(1);
    let body = futures_util::stream::unfold(lines, async |mut lines| {
        let line = lines.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(line), lines))
    });
    let request = axum::http::Request::post(IMPORT)
        .header("authorization", format!("Bearer {}", key.reveal()))
        .body(axum::body::Body::from_stream(body))
        .unwrap();
    let mut answer = Stream::of(world.send(request).await);
    let thread = |id: &str| format!("{}\n", json!({ "type": "thread", "$id": id }));
    more.send(thread("before")).await.unwrap();
    // the next line is taken when the thread is there
    more.send("\n".to_owned()).await.unwrap();
    more.send("\n".to_owned()).await.unwrap();
    world.revoke_key("one", key.key.clone()).await;
    more.send(thread("after")).await.unwrap();
    let report = answer.line().await.unwrap()["report"].clone();
    assert_eq!(report["error"]["type"], "user_unauthorized", "{report}");
    assert_eq!(report["threads"]["accepted"], 1);
    let other = world.full_key("one").await;
    let gone = world
        .ask(Ask::get("/v1/threads/after").bearer(&other))
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn a_large_file_takes_little_memory_and_keeps_its_order() {
    const ITEMS: usize = 3_000;
    let world = World::new().await;
    let key = world.full_key("one").await;
    let made = futures_util::stream::iter((0..=ITEMS).map(|number| {
        let line = match number {
            0 => json!({ "type": "thread", "$id": "large" }),
            _ => json!({
                "type": "item", "$id": format!("i{number}"), "threadId": "large", "role": "user",
                "parts": [{ "type": "text", "text": "x".repeat(2_000) }],
            }),
        };
        Ok::<_, std::convert::Infallible>(format!("{line}\n"))
    }));
    let request = axum::http::Request::post(IMPORT)
        .header("authorization", format!("Bearer {key}"))
        .body(axum::body::Body::from_stream(made))
        .unwrap();
    let reply = Reply::of(world.send(request).await).await;
    let report = lines(&reply).pop().unwrap()["report"].clone();
    assert_eq!(report["items"]["accepted"], ITEMS, "{report}");
    let found = export(&world, &key, "/v1/threads/large/export").await;
    let ids = of_kind(&found, "item");
    let expected = (1..=ITEMS).map(|number| format!("i{number}"));
    assert!(
        ids.iter()
            .map(|item| item["$id"].as_str().unwrap())
            .eq(expected)
    );
}
