//! `POST /v1/import/threads`: threads out of JSON lines.

use serde_json::{Value, json};

use super::event_stream::Stream;
use super::request::{Ask, Reply};
use super::transfer::{ALL, IMPORT, export, file, furnished, get, import, lines, of_kind};
use super::world::World;

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
