//! How long items stay: `/v1/retention`, and what is left of what has expired.

use everlog_actors::{Sweeper, Swept};
use everlog_domain::ids::Offset;
use serde_json::{Value, json};

use super::request::{Ask, Reply};
use super::scenario::{denied, granted, play};
use super::world::{NOW, World};

const DAY: i64 = 86_400;
/// What must not be handed out.
const SECRET: &str = "the old secret";

/// A whole round of the sweep, so many days after everything else.
async fn sweep(world: &World, days: i64) {
    let now = NOW.plus_seconds(days * DAY);
    let mut sweeper = Sweeper::new(world.edge.node.clone());
    while sweeper.slice(now).await.unwrap() == Swept::More {}
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "written as json!(…) at each use"
)]
fn rule(body: Value) -> Ask {
    Ask::new("PUT", "/v1/retention").body(body.to_string())
}

fn ten_days() -> Ask {
    rule(json!({ "maxAge": 10 * DAY }))
}

async fn ok(world: &World, ask: Ask, status: u16) -> Reply {
    let reply = world.ask(ask).await;
    assert_eq!(reply.status, status, "{}", reply.text);
    reply
}

async fn post(world: &World, key: &str, body: Value) -> Reply {
    let ask = Ask::post("/v1/threads/t/items", body).bearer(key);
    ok(world, ask, 201).await
}

fn item(id: &str, text: &str) -> Value {
    json!({ "itemId": id, "role": "user", "parts": [{ "type": "text", "text": text }] })
}

/// A thread with an old item that has everything an item can have, and two newer ones that lean on
/// it. Answers with the cursor from right after the old one.
async fn leaning(world: &World, key: &str) -> String {
    world.thread(key, json!({ "threadId": "t" })).await;
    let cursor = |reply: &Reply| reply.header("x-everlog-cursor").unwrap().to_owned();
    post(world, key, item("old", "first words")).await;
    let at = |rest: &str| format!("/v1/threads/t{rest}");
    let put =
        |rest: &str, body: Value| Ask::new("PUT", at(rest)).body(body.to_string()).bearer(key);
    let edit = json!({ "parts": [{ "type": "text", "text": SECRET }] });
    let edit = Ask::new("PATCH", at("/items/old")).body(edit.to_string());
    let edited = cursor(&ok(world, edit.bearer(key), 200).await);
    ok(world, put("/items/old/pin", json!({})), 204).await;
    ok(world, put("/items/old/reactions/up", json!({})), 204).await;
    ok(world, put("/receipt", json!({ "itemId": "old" })), 204).await;
    ok(world, put("/branch", json!({ "itemId": "old" })), 204).await;
    edited
}

#[tokio::test]
async fn keys_with_the_scope_set_the_rule() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let reads = world.key("one", &["projects.read", "threads.write"]).await;
    let writes = world.key("one", &["projects.write"]).await;
    let full = world.full_key("one").await;
    let scope = "general_unauthorized_scope";
    let invalid = "general_argument_invalid";
    let mut scenarios = Vec::new();
    for ask in [ten_days, || Ask::delete("/v1/retention")] {
        scenarios.extend([
            denied("a guest", ask().project("one"), 401, scope),
            denied("a user", ask().session("one", &ann.session), 401, scope),
            denied("a key that reads", ask().bearer(&reads), 401, scope),
        ]);
    }
    let get = || Ask::get("/v1/retention");
    scenarios.extend([
        denied("a guest reads", get().project("one"), 401, scope),
        denied(
            "a user reads",
            get().session("one", &ann.session),
            401,
            scope,
        ),
        denied(
            "who writes does not read",
            get().bearer(&writes),
            401,
            scope,
        ),
    ]);
    for (says, body) in [
        ("too short an age", json!({ "maxAge": 59 })),
        ("an age before now", json!({ "maxAge": -60 })),
        ("a text", json!({ "maxAge": "30d" })),
        ("no items at all", json!({ "maxItemsPerThread": 0 })),
        ("a field that is none", json!({ "maxItems": 7 })),
    ] {
        scenarios.push(denied(says, rule(body).bearer(&full), 400, invalid));
    }
    let set = &["project.retention.set"];
    scenarios.extend([
        granted(
            "nothing to take away",
            Ask::delete("/v1/retention").bearer(&full),
            200,
            &[],
        ),
        granted("a rule", ten_days().bearer(&writes), 200, set),
        granted("the same", ten_days().bearer(&writes), 200, &[]),
        granted(
            "another",
            rule(json!({ "maxItemsPerThread": 5 })).bearer(&full),
            200,
            set,
        ),
    ]);
    play(&world, world.one, scenarios).await;
    let found = ok(&world, get().bearer(&reads), 200).await;
    assert_eq!(
        found.body,
        json!({ "maxAge": null, "maxItemsPerThread": 5 })
    );
    let other = world.full_key("two").await;
    let found = ok(&world, get().bearer(&other), 200).await;
    assert_eq!(
        found.body,
        json!({ "maxAge": null, "maxItemsPerThread": null })
    );
    play(
        &world,
        world.one,
        vec![granted(
            "none",
            Ask::delete("/v1/retention").bearer(&full),
            200,
            set,
        )],
    )
    .await;
    let found = ok(&world, get().bearer(&full), 200).await;
    assert_eq!(
        found.body,
        json!({ "maxAge": null, "maxItemsPerThread": null })
    );
}

#[tokio::test]
async fn whoever_leans_on_what_is_gone_is_answered_well() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    leaning(&world, &key).await;
    ok(&world, ten_days().bearer(&key), 200).await;
    let before = world.head(world.one);
    sweep(&world, 9).await;
    assert_eq!(
        world.events(world.one, before).len(),
        0,
        "nothing is over its time"
    );
    sweep(&world, 11).await;
    let events = world.events(world.one, before);
    let [expired] = &events[..] else {
        panic!("expected one event, found {events:?}");
    };
    let envelope = &expired.envelope;
    assert_eq!(envelope.kind.name(), "thread.items.expired");
    assert_eq!(envelope.principal.to_string(), "system");
    assert_eq!(envelope.cause, Some(before), "the rule led to it");
    sweep(&world, 12).await;
    assert_eq!(world.head(world.one), envelope.offset, "once");

    let gone = "item_not_found";
    let get = |path: &str| Ask::get(format!("/v1/threads/t{path}")).bearer(&key);
    let put = |path: &str, body: Value| {
        let path = format!("/v1/threads/t{path}");
        Ask::new("PUT", path).body(body.to_string()).bearer(&key)
    };
    let after = json!({ "method": "cursorAfter", "values": ["old"] });
    let reply_to = json!({ "role": "user", "parentId": "old" });
    let post = Ask::post("/v1/threads/t/items", reply_to).bearer(&key);
    play(
        &world,
        world.one,
        vec![
            denied("the item", get("/items/old"), 404, gone),
            denied("its reactions", get("/items/old/reactions"), 404, gone),
            denied("its history", get("/items/old/history"), 404, gone),
            denied("what follows it", get("/items/old/branches"), 404, gone),
            denied("its branch", get("/items?branch=old"), 404, gone),
            denied(
                "a cursor",
                get("/items").queries(&[after]),
                400,
                "general_cursor_not_found",
            ),
            denied("a reply to it", post, 400, "item_parent_not_found"),
            denied("a pin", put("/items/old/pin", json!({})), 404, gone),
            denied(
                "a reaction",
                put("/items/old/reactions/up", json!({})),
                404,
                gone,
            ),
            denied(
                "a switch",
                put("/branch", json!({ "itemId": "old" })),
                404,
                gone,
            ),
            denied(
                "a receipt",
                put("/receipt", json!({ "itemId": "old" })),
                404,
                gone,
            ),
        ],
    )
    .await;
    let empty = ok(&world, get("/items"), 200).await;
    assert_eq!(empty.body, json!({ "total": 0, "items": [] }));
    let empty = ok(&world, get("/items?branch=active"), 200).await;
    assert_eq!(empty.body, json!({ "items": [], "more": false }));
    let pins = ok(&world, get("/pins"), 200).await;
    assert_eq!(pins.body["total"], 0);
    let thread = ok(&world, get(""), 200).await;
    assert_eq!(thread.body["activeItemId"], Value::Null);
    let unread = ok(&world, get("/unread"), 200).await;
    assert_eq!(
        unread.body,
        json!({ "unread": 0, "mentions": 0, "lastReadItemId": "old" })
    );
    // its id is free again
    let again = Ask::post("/v1/threads/t/items", item("old", "new words")).bearer(&key);
    ok(&world, again, 201).await;
    let item = ok(&world, get("/items/old"), 200).await;
    assert_eq!(item.body["parts"][0]["text"], "new words");
    assert_eq!(item.body["parentId"], Value::Null, "the branch has ended");
}

#[tokio::test]
async fn a_branch_ends_where_its_beginning_has_expired() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    post(&world, &key, item("a", "a")).await;
    let child = json!({ "itemId": "b", "role": "user", "parentId": "a" });
    post(&world, &key, child).await;
    let second = json!({ "itemId": "c", "role": "user", "parentId": "a" });
    post(&world, &key, second).await;
    ok(
        &world,
        rule(json!({ "maxItemsPerThread": 1 })).bearer(&key),
        200,
    )
    .await;
    sweep(&world, 0).await;
    let branch = Ask::get("/v1/threads/t/items?branch=c").bearer(&key);
    let branch = ok(&world, branch, 200).await;
    let ids: Vec<&Value> = branch.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["$id"])
        .collect();
    assert_eq!(
        (ids, &branch.body["more"]),
        (vec![&json!("c")], &json!(false))
    );
    let item = ok(&world, Ask::get("/v1/threads/t/items/c").bearer(&key), 200).await;
    assert_eq!(item.body["parentId"], "a", "what it followed is still said");
}

/// Every way to the past, after the item has expired: each answers, and none has the secret.
async fn look_everywhere(world: &World, key: &str, then: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    for path in [
        format!("/v1/threads/t/items?at={then}"),
        format!("/v1/threads/t/history?limit=100&at={then}"),
        "/v1/threads/t/history?limit=100".to_owned(),
        "/v1/log".to_owned(),
        "/v1/log?stream=thread/t".to_owned(),
        "/v1/log?kind=item.*".to_owned(),
    ] {
        replies.push(ok(world, Ask::get(path).bearer(key), 200).await);
    }
    for accept in ["application/jsonl", "text/event-stream"] {
        let log = Ask::get("/v1/log").header("accept", accept).bearer(key);
        replies.push(ok(world, log, 200).await);
    }
    for path in [
        format!("/v1/threads/t/items/old?at={then}"),
        format!("/v1/threads/t/items/old/history?at={then}"),
    ] {
        replies.push(ok(world, Ask::get(path).bearer(key), 404).await);
    }
    for reply in &replies {
        assert!(!reply.text.contains(SECRET), "{}", reply.text);
        assert!(!reply.text.contains("first words"), "{}", reply.text);
    }
    replies
}

#[tokio::test]
async fn no_way_to_the_past_hands_out_what_has_expired() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let then = leaning(&world, &key).await;
    let before = Ask::get(format!("/v1/threads/t/items?at={then}")).bearer(&key);
    let before = ok(&world, before, 200).await;
    assert!(before.text.contains(SECRET), "the past has it before");
    ok(&world, ten_days().bearer(&key), 200).await;
    sweep(&world, 11).await;

    let replies = look_everywhere(&world, &key, &then).await;
    assert_eq!(replies[0].body, json!({ "total": 0, "items": [] }));
    let told = |reply: &Reply| -> Vec<(String, bool)> {
        let events = reply.body["events"].as_array().unwrap().iter();
        let told = events.map(|event| {
            assert!(event["principal"].is_string(), "{event}");
            let kind = event["type"].as_str().unwrap().to_owned();
            (kind, event["expired"] == json!(true))
        });
        told.collect()
    };
    let expected = [
        ("thread.created", false),
        ("item.posted", true),
        ("item.edited", true),
        ("item.pinned", true),
        ("item.reaction.added", true),
        ("thread.read", false),
        ("thread.branch.switched", false),
        ("thread.items.expired", false),
    ];
    let expected = expected.map(|(kind, expired)| (kind.to_owned(), expired));
    assert_eq!(told(&replies[2]), expected);
    let log = replies[3].body["events"].as_array().unwrap();
    let posted = log
        .iter()
        .find(|event| event["kind"] == "item.posted")
        .unwrap();
    assert_eq!(posted["event"], Value::Null);
    assert_eq!(
        posted["unreadable"],
        "the item that it is about has expired"
    );
    assert!(posted["principal"].as_str().unwrap().starts_with("key:"));
    assert!(
        posted["payloadHash"].is_string(),
        "the chain can be followed"
    );
    let expired = log
        .iter()
        .find(|event| event["kind"] == "thread.items.expired")
        .unwrap();
    assert_eq!(expired["event"]["items"][0]["item"], "old");

    // whatever becomes of the thread, it stays so
    let delete = Ask::delete("/v1/threads/t").bearer(&key);
    ok(&world, delete, 204).await;
    look_everywhere(&world, &key, &then).await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    look_everywhere(&world, &key, &then).await;
}

#[tokio::test]
async fn a_repeated_post_of_what_has_expired_is_answered_without_it() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let post = || {
        let post = Ask::post("/v1/threads/t/items", item("old", SECRET));
        post.bearer(&key).named("once")
    };
    ok(&world, post(), 201).await;
    post_newer(&world, &key).await;
    ok(
        &world,
        rule(json!({ "maxItemsPerThread": 1 })).bearer(&key),
        200,
    )
    .await;
    sweep(&world, 0).await;
    let head = world.head(world.one);
    let again = ok(&world, post(), 204).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert!(!again.text.contains(SECRET));
    assert_eq!(world.head(world.one), head, "nothing was posted twice");
}

async fn post_newer(world: &World, key: &str) {
    post(world, key, item("newer", "stays")).await;
}

#[tokio::test]
async fn an_item_that_is_being_written_goes_once_it_is_finished() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let open = json!({ "itemId": "open", "role": "assistant", "status": "open", "parts": [{ "type": "text", "text": "so " }] });
    post(&world, &key, open).await;
    post(&world, &key, item("old", SECRET)).await;
    ok(&world, ten_days().bearer(&key), 200).await;
    sweep(&world, 11).await;
    let ids = |reply: &Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().unwrap().iter();
        items
            .map(|item| item["$id"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = || Ask::get("/v1/threads/t/items").bearer(&key);
    assert_eq!(ids(&ok(&world, list(), 200).await), ["open"]);
    let deltas = json!({ "deltas": [{ "type": "text", "part": 0, "text": "it goes on" }] });
    let append = Ask::post("/v1/threads/t/items/open/deltas", deltas).bearer(&key);
    ok(&world, append, 204).await;
    let found = ok(&world, list(), 200).await;
    assert_eq!(found.body["items"][0]["parts"][0]["text"], "so it goes on");
    let finish = Ask::post("/v1/threads/t/items/open/finish", json!({})).bearer(&key);
    ok(&world, finish, 200).await;
    sweep(&world, 11).await;
    assert_eq!(ids(&ok(&world, list(), 200).await), Vec::<String>::new());
    let log = ok(&world, Ask::get("/v1/log").bearer(&key), 200).await;
    assert!(
        !log.text.contains("it goes on"),
        "its deltas are withheld too"
    );
}

#[tokio::test]
async fn the_newest_stay_and_without_a_rule_everything_does() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    for number in 0..30 {
        post(&world, &key, item(&format!("i{number}"), "words")).await;
    }
    let rest = async || {
        let all = json!({ "method": "limit", "values": [100] });
        let list = Ask::get("/v1/threads/t/items").queries(&[all]);
        let list = ok(&world, list.bearer(&key), 200).await;
        let items = list.body["items"].as_array().unwrap().clone();
        let first = items
            .first()
            .map(|item| item["$id"].as_str().unwrap().to_owned());
        (items.len(), first.unwrap())
    };
    sweep(&world, 100).await;
    assert_eq!(rest().await, (30, "i0".to_owned()), "there is no rule");
    ok(
        &world,
        rule(json!({ "maxItemsPerThread": 12 })).bearer(&key),
        200,
    )
    .await;
    sweep(&world, 100).await;
    assert_eq!(rest().await, (12, "i18".to_owned()));
    let delete = Ask::delete("/v1/threads/t/items/i29").bearer(&key);
    ok(&world, delete, 204).await;
    sweep(&world, 100).await;
    assert_eq!(
        rest().await,
        (12, "i18".to_owned()),
        "a deleted item keeps its place"
    );
    ok(&world, Ask::delete("/v1/retention").bearer(&key), 200).await;
    post_newer(&world, &key).await;
    let head = world.head(world.one);
    sweep(&world, 1_000).await;
    assert_eq!(world.head(world.one), head, "the rule is gone");
    assert_eq!(rest().await.0, 13, "what had gone stays gone");
    let other = world.events(world.one, Offset(0));
    let rules = other
        .iter()
        .filter(|event| event.envelope.kind.name() == "project.retention.set");
    assert_eq!(rules.count(), 2);
}

#[tokio::test]
async fn what_was_said_in_a_thread_that_is_over_expires_too() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let then = leaning(&world, &key).await;
    ok(&world, Ask::delete("/v1/threads/t").bearer(&key), 204).await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    post(&world, &key, item("young", "stays as long")).await;
    let items = || Ask::get(format!("/v1/threads/t/items?at={then}")).bearer(&key);
    assert!(ok(&world, items(), 200).await.text.contains(SECRET));
    ok(
        &world,
        rule(json!({ "maxItemsPerThread": 1 })).bearer(&key),
        200,
    )
    .await;
    let before = world.head(world.one);
    sweep(&world, 99).await;
    assert_eq!(world.head(world.one), before, "a count says nothing of it");
    ok(
        &world,
        rule(json!({ "maxAge": 200 * DAY })).bearer(&key),
        200,
    )
    .await;
    let rule = world.head(world.one);
    sweep(&world, 199).await;
    assert_eq!(world.head(world.one), rule, "it ended too lately");
    sweep(&world, 201).await;
    let events = world.events(world.one, rule);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event.envelope.kind.name())
        .collect();
    assert_eq!(kinds, ["project.threads.expired", "thread.items.expired"]);
    assert_eq!(events[0].envelope.cause, Some(rule));
    look_everywhere(&world, &key, &then).await;
    sweep(&world, 300).await;
    assert_eq!(world.events(world.one, rule).len(), 2, "once");
}

/// What a thread's items say.
async fn says(world: &World, key: &str, thread: &str) -> Vec<String> {
    let list = Ask::get(format!("/v1/threads/{thread}/items")).bearer(key);
    let list = ok(world, list, 200).await.body;
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["parts"][0]["text"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_forks_share_expires_with_its_source_and_comes_back_nowhere() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let then = leaning(&world, &key).await;
    let fork = |from: &str, to: &str| {
        Ask::post(
            format!("/v1/threads/{from}/fork"),
            json!({ "threadId": to }),
        )
        .bearer(&key)
    };
    ok(&world, fork("t", "f"), 201).await;
    ok(&world, fork("f", "g"), 201).await;
    let edit = json!({ "parts": [{ "type": "text", "text": SECRET }] });
    let edit = Ask::new("PATCH", "/v1/threads/f/items/old").body(edit.to_string());
    let copied = ok(&world, edit.bearer(&key), 200).await;
    let copied = copied.header("x-everlog-cursor").unwrap().to_owned();
    ok(&world, ten_days().bearer(&key), 200).await;
    sweep(&world, 11).await;
    for thread in ["t", "f", "g"] {
        assert!(says(&world, &key, thread).await.is_empty(), "{thread}");
        for at in [&then, &copied] {
            let past = Ask::get(format!("/v1/threads/{thread}/items?at={at}")).bearer(&key);
            let past = world.ask(past).await;
            assert!(!past.text.contains(SECRET), "{thread}: {}", past.text);
        }
        let history = Ask::get(format!("/v1/threads/{thread}/history?limit=100"));
        let history = ok(&world, history.bearer(&key), 200).await;
        assert!(!history.text.contains(SECRET), "{}", history.text);
    }
    let log = ok(&world, Ask::get("/v1/log?limit=1000").bearer(&key), 200).await;
    assert!(!log.text.contains(SECRET), "{}", log.text);
}

#[tokio::test]
async fn an_item_that_a_fork_copied_goes_without_the_sources_coming_back() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    post(&world, &key, item("a", "of the source")).await;
    post(&world, &key, item("b", "b")).await;
    let fork = Ask::post("/v1/threads/t/fork", json!({ "threadId": "f" })).bearer(&key);
    ok(&world, fork, 201).await;
    let edit = json!({ "parts": [{ "type": "text", "text": "of the fork" }] });
    let edit = Ask::new("PATCH", "/v1/threads/f/items/a").body(edit.to_string());
    ok(&world, edit.bearer(&key), 200).await;
    for text in ["c", "d"] {
        let say = Ask::post("/v1/threads/f/items", item(text, text)).bearer(&key);
        ok(&world, say, 201).await;
    }
    let two = rule(json!({ "maxItemsPerThread": 2 })).bearer(&key);
    ok(&world, two, 200).await;
    sweep(&world, 0).await;
    assert_eq!(says(&world, &key, "t").await, ["of the source", "b"]);
    let left = says(&world, &key, "f").await;
    assert!(!left.iter().any(|text| text.contains("of the")), "{left:?}");
    assert_eq!(left[left.len() - 2..], ["c", "d"]);
}
