//! Forks: threads that have the items of another in common with it.

use serde_json::{Value, json};

use super::history::{reach, say};
use super::request::{Ask, Reply};
use super::scenario::{denied, granted, play};
use super::world::{Person, World};

fn fork(source: &str, body: Value) -> Ask {
    Ask::post(format!("/v1/threads/{source}/fork"), body)
}

fn edit(thread: &str, item: &str, text: &str) -> Ask {
    let parts = json!([{ "type": "text", "text": text }]);
    Ask::new("PATCH", format!("/v1/threads/{thread}/items/{item}"))
        .body(json!({ "parts": parts }).to_string())
}

fn delete(thread: &str, item: &str) -> Ask {
    Ask::delete(format!("/v1/threads/{thread}/items/{item}"))
}

fn put(path: String) -> Ask {
    Ask::new("PUT", path)
}

struct Scene {
    world: World,
    key: String,
    ada: Person,
    bob: Person,
}

impl Scene {
    /// The thread `t` with the items `a`, `b` and `c`; ada takes part, bob does not.
    async fn new() -> Self {
        let world = World::new().await;
        let key = world.full_key("one").await;
        let ada = world.person("one", "ada").await;
        let bob = world.person("one", "bob").await;
        let participant = json!({ "id": format!("user:{}", ada.id), "role": "viewer" });
        let body = json!({
            "threadId": "t", "name": "Tides", "metadata": { "topic": "sea" },
            "participants": [participant],
        });
        world.thread(&key, body).await;
        let scene = Self {
            world,
            key,
            ada,
            bob,
        };
        for item in ["a", "b", "c"] {
            scene.done(say("t", item, item)).await;
        }
        scene
    }

    fn by(&self, person: &Person, ask: Ask) -> Ask {
        ask.session("one", &person.session)
    }

    async fn ask(&self, ask: Ask) -> Reply {
        self.world.ask(ask.bearer(&self.key)).await
    }

    async fn done(&self, ask: Ask) -> Value {
        let reply = self.ask(ask).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply.body
    }

    async fn reach(&self, ask: Ask) -> String {
        reach(&self.world, ask.bearer(&self.key)).await
    }

    /// What the items of a thread say.
    async fn says(&self, thread: &str) -> Vec<String> {
        let body = self
            .done(Ask::get(format!("/v1/threads/{thread}/items")))
            .await;
        texts(&body)
    }

    async fn item(&self, thread: &str, item: &str) -> Value {
        let path = format!("/v1/threads/{thread}/items/{item}");
        self.done(Ask::get(path)).await
    }
}

fn texts(body: &Value) -> Vec<String> {
    let items = body["items"].as_array().unwrap().iter();
    let text = |item: &Value| item["parts"][0]["text"].as_str().unwrap_or("-").to_owned();
    items.map(text).collect()
}

#[tokio::test]
async fn what_may_not_be_forked_is_refused() {
    let scene = Scene::new().await;
    let reading = scene.world.key("one", &["threads.read"]).await;
    let writing = scene.world.key("one", &["threads.write"]).await;
    scene
        .done(Ask::post(
            "/v1/threads/t/items",
            json!({ "itemId": "open", "role": "assistant", "status": "open" }),
        ))
        .await;
    scene.done(delete("t", "b")).await;
    let whole = || fork("t", json!({ "threadId": "f" }));
    let key = |body: Value| fork("t", body).bearer(&scene.key);
    let invalid = "general_argument_invalid";
    play(
        &scene.world,
        scene.world.one,
        vec![
            denied(
                "a guest",
                whole().project("one"),
                401,
                "general_unauthorized_scope",
            ),
            denied(
                "a key that only reads",
                whole().bearer(&reading),
                401,
                "general_unauthorized_scope",
            ),
            denied(
                "a key that only writes",
                whole().bearer(&writing),
                401,
                "general_unauthorized_scope",
            ),
            denied(
                "who may not read it",
                scene.by(&scene.bob, whole()),
                404,
                "thread_not_found",
            ),
            denied(
                "no such thread",
                fork("never", json!({})).bearer(&scene.key),
                404,
                "thread_not_found",
            ),
            denied(
                "an id that is taken",
                key(json!({ "threadId": "t" })),
                409,
                "thread_already_exists",
            ),
            denied("no id", key(json!({ "threadId": "a/b" })), 400, invalid),
            denied(
                "both an item and a moment",
                key(json!({ "itemId": "a", "at": "2026-01-01T00:00:00Z" })),
                400,
                invalid,
            ),
            denied("no moment", key(json!({ "at": "soon" })), 400, invalid),
            denied(
                "a moment before it",
                key(json!({ "at": "2020-01-01T00:00:00Z" })),
                404,
                "thread_not_found",
            ),
            denied(
                "a moment to come",
                key(json!({ "at": "2090-01-01T00:00:00Z" })),
                400,
                invalid,
            ),
            denied(
                "no such item",
                key(json!({ "itemId": "x" })),
                404,
                "item_not_found",
            ),
            denied(
                "a deleted item",
                key(json!({ "itemId": "b" })),
                404,
                "item_not_found",
            ),
            denied(
                "an item that is being written",
                key(json!({ "itemId": "open" })),
                409,
                "item_still_open",
            ),
            denied(
                "permissions that it does not hold",
                scene.by(
                    &scene.ada,
                    fork("t", json!({ "permissions": ["read(\"team:crew\")"] })),
                ),
                401,
                "permission_not_held",
            ),
            denied(
                "no permissions",
                key(json!({ "permissions": ["x"] })),
                400,
                invalid,
            ),
            denied(
                "what a fork does not know",
                key(json!({ "name": "x" })),
                400,
                invalid,
            ),
            granted(
                "who may read it forks it",
                scene.by(&scene.ada, whole()),
                201,
                &["thread.forked"],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_fork_says_where_it_comes_from_and_has_its_permissions_and_metadata() {
    let scene = Scene::new().await;
    let body = json!({ "threadId": "f", "itemId": "b" });
    let reply = scene.world.ask(scene.by(&scene.ada, fork("t", body))).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let answer = reply.body;
    assert_eq!(
        answer["forkedFrom"],
        json!({ "threadId": "t", "itemId": "b" })
    );
    assert_eq!(answer["name"], "Tides");
    assert_eq!(answer["metadata"], json!({ "topic": "sea" }));
    let owner = json!([{ "id": format!("user:{}", scene.ada.id), "role": "owner" }]);
    assert_eq!(answer["participants"], owner);
    let read = scene.done(Ask::get("/v1/threads/f")).await;
    assert_eq!(read, answer, "as it is read, so it is answered");
    assert_eq!(
        scene.done(Ask::get("/v1/threads/t")).await["forkedFrom"],
        Value::Null
    );
    assert_eq!(scene.says("f").await, ["a", "b"]);
    assert_eq!(scene.says("t").await, ["a", "b", "c"]);
    let item = scene.item("f", "b").await;
    assert_eq!(item["threadId"], "f");
    assert_eq!(
        scene.ask(Ask::get("/v1/threads/f/items/c")).await.status,
        404
    );
}

#[tokio::test]
async fn a_fork_and_its_source_go_on_without_each_other() {
    let scene = Scene::new().await;
    scene.done(fork("t", json!({ "threadId": "f" }))).await;
    scene.done(say("f", "d", "of the fork")).await;
    scene.done(say("t", "d", "of the source")).await;
    scene.done(edit("t", "a", "edited there")).await;
    scene.done(delete("t", "b")).await;
    scene.done(edit("f", "c", "edited here")).await;
    assert_eq!(
        scene.says("f").await,
        ["a", "b", "edited here", "of the fork"]
    );
    assert_eq!(
        scene.says("t").await,
        ["edited there", "-", "c", "of the source"]
    );
    scene.done(edit("t", "a", "edited twice")).await;
    scene.done(delete("f", "a")).await;
    assert_eq!(
        scene.says("f").await,
        ["-", "b", "edited here", "of the fork"]
    );
    assert_eq!(
        scene.says("t").await,
        ["edited twice", "-", "c", "of the source"]
    );
    let refused = scene.ask(say("f", "b", "again")).await;
    assert_eq!(
        refused.kind(),
        "item_already_exists",
        "a shared id is taken"
    );
}

#[tokio::test]
async fn marks_are_not_shared_and_may_be_put_on_what_is() {
    let scene = Scene::new().await;
    scene
        .done(put("/v1/threads/t/items/a/reactions/+1".to_owned()))
        .await;
    scene
        .done(put("/v1/threads/t/items/a/pin".to_owned()))
        .await;
    scene.done(fork("t", json!({ "threadId": "f" }))).await;
    let shared = scene.item("f", "a").await;
    assert_eq!(
        (&shared["reactions"], &shared["pinnedAt"]),
        (&json!({}), &Value::Null)
    );
    scene
        .done(put("/v1/threads/f/items/a/reactions/-1".to_owned()))
        .await;
    scene
        .done(put("/v1/threads/f/items/b/pin".to_owned()))
        .await;
    assert_eq!(scene.item("f", "a").await["reactions"], json!({ "-1": 1 }));
    assert_eq!(scene.item("t", "a").await["reactions"], json!({ "+1": 1 }));
    let pins = scene.done(Ask::get("/v1/threads/f/pins")).await;
    assert_eq!(pins["pins"][0]["itemId"], "b");
    assert_eq!(scene.item("t", "b").await["pinnedAt"], Value::Null);
    let receipt = put("/v1/threads/f/receipt".to_owned()).body(r#"{"itemId":"b"}"#);
    let read = scene.world.ask(scene.by(&scene.ada, receipt)).await;
    assert_eq!(read.status, 204, "{}", read.text);
    let unread = Ask::get("/v1/threads/f/unread");
    let unread = scene.world.ask(scene.by(&scene.ada, unread)).await.body;
    assert_eq!(
        (&unread["unread"], &unread["lastReadItemId"]),
        (&json!(1), &json!("b"))
    );
}

#[tokio::test]
async fn the_tree_goes_on_in_a_fork() {
    let scene = Scene::new().await;
    let other = json!({ "itemId": "b2", "role": "user", "parentId": "a",
        "parts": [{ "type": "text", "text": "b2" }] });
    scene.done(Ask::post("/v1/threads/t/items", other)).await;
    let back = put("/v1/threads/t/branch".to_owned()).body(r#"{"itemId":"c"}"#);
    scene.done(back).await;
    let forked = scene.done(fork("t", json!({ "threadId": "f" }))).await;
    assert_eq!(forked["activeItemId"], "c");
    scene.done(say("f", "d", "d")).await;
    let branch = |query: &str| Ask::get(format!("/v1/threads/f/items{query}"));
    let active = scene.done(branch("?branch=active")).await;
    assert_eq!(texts(&active), ["a", "b", "c", "d"]);
    assert_eq!(texts(&scene.done(branch("?branch=b2")).await), ["a", "b2"]);
    let new = json!({ "itemId": "b3", "role": "user", "parentId": "a",
        "parts": [{ "type": "text", "text": "b3" }] });
    scene.done(Ask::post("/v1/threads/f/items", new)).await;
    assert_eq!(
        texts(&scene.done(branch("/a/branches")).await),
        ["b", "b2", "b3"]
    );
    let source = scene.done(Ask::get("/v1/threads/t/items/a/branches")).await;
    assert_eq!(texts(&source), ["b", "b2"]);
}

#[tokio::test]
async fn what_is_being_written_is_no_part_of_a_fork() {
    let scene = Scene::new().await;
    let open = json!({ "itemId": "open", "role": "assistant", "status": "open" });
    scene.done(Ask::post("/v1/threads/t/items", open)).await;
    scene.done(say("t", "d", "d")).await;
    let then = scene.reach(say("t", "e", "e")).await;
    scene.done(fork("t", json!({ "threadId": "now" }))).await;
    scene
        .done(Ask::post("/v1/threads/t/items/open/finish", json!({})))
        .await;
    scene
        .done(fork("t", json!({ "threadId": "then", "at": then })))
        .await;
    for thread in ["now", "then"] {
        assert_eq!(
            scene.says(thread).await,
            ["a", "b", "c", "d", "e"],
            "{thread}"
        );
        let path = format!("/v1/threads/{thread}/items/open");
        assert_eq!(scene.ask(Ask::get(path)).await.status, 404);
    }
    assert_eq!(scene.says("t").await.len(), 6);
}

#[tokio::test]
async fn a_fork_from_the_past_has_what_there_was_then() {
    let scene = Scene::new().await;
    let then = scene.reach(edit("t", "a", "first")).await;
    scene.done(edit("t", "a", "second")).await;
    scene.done(delete("t", "b")).await;
    scene.done(say("t", "d", "d")).await;
    let rename = Ask::new("PATCH", "/v1/threads/t").body(r#"{"name":"Ebb"}"#);
    scene.done(rename).await;
    let body = json!({ "threadId": "f", "at": then });
    let forked = scene.done(fork("t", body)).await;
    assert_eq!(forked["name"], "Tides");
    assert_eq!(scene.says("f").await, ["first", "b", "c"]);
    scene.done(edit("t", "a", "third")).await;
    scene.done(delete("t", "c")).await;
    assert_eq!(scene.says("f").await, ["first", "b", "c"]);
}

#[tokio::test]
async fn a_fork_from_the_past_shows_nobody_what_it_might_not_read() {
    let scene = Scene::new().await;
    let before = scene.reach(edit("t", "a", "secret")).await;
    scene.done(edit("t", "a", "public")).await;
    let bob = format!("/v1/threads/t/participants/user:{}", scene.bob.id);
    let admitted = scene
        .reach(put(bob.clone()).body(r#"{"role":"member"}"#))
        .await;
    let body = |id: &str, at: &str| json!({ "threadId": id, "at": at });
    let early = scene.by(&scene.bob, fork("t", body("f", &before)));
    assert_eq!(scene.world.ask(early).await.kind(), "thread_not_found");
    scene.done(fork("t", body("old", &before))).await;
    let reads = |thread: &str| scene.by(&scene.bob, Ask::get(format!("/v1/threads/{thread}")));
    assert_eq!(scene.world.ask(reads("old")).await.status, 404);
    scene.done(fork("t", body("new", &admitted))).await;
    assert_eq!(scene.world.ask(reads("new")).await.status, 200);
    scene.done(Ask::delete(bob)).await;
    scene.done(fork("t", body("late", &admitted))).await;
    assert_eq!(scene.world.ask(reads("late")).await.status, 404, "it left");
}

#[tokio::test]
async fn a_fork_outlives_its_source() {
    let scene = Scene::new().await;
    scene.done(fork("t", json!({ "threadId": "f" }))).await;
    scene.done(say("f", "d", "d")).await;
    scene.done(fork("f", json!({ "threadId": "g" }))).await;
    for thread in ["t", "f"] {
        scene
            .done(Ask::delete(format!("/v1/threads/{thread}")))
            .await;
    }
    assert_eq!(scene.says("g").await, ["a", "b", "c", "d"]);
    // an id that is taken again is another thread's
    scene
        .world
        .thread(&scene.key, json!({ "threadId": "t" }))
        .await;
    scene.done(say("t", "z", "z")).await;
    assert_eq!(scene.says("g").await, ["a", "b", "c", "d"]);
    assert_eq!(scene.says("t").await, ["z"]);
}

#[tokio::test]
async fn forks_of_forks_have_what_each_had() {
    let scene = Scene::new().await;
    scene.done(fork("t", json!({ "threadId": "f" }))).await;
    scene.done(edit("f", "a", "of f")).await;
    scene.done(say("f", "d", "d")).await;
    scene
        .done(fork("f", json!({ "threadId": "g", "itemId": "d" })))
        .await;
    scene.done(edit("f", "a", "of f again")).await;
    scene.done(edit("t", "b", "of t")).await;
    scene.done(edit("g", "d", "of g")).await;
    assert_eq!(scene.says("g").await, ["of f", "b", "c", "of g"]);
    assert_eq!(scene.says("f").await, ["of f again", "b", "c", "d"]);
    scene
        .done(fork("g", json!({ "threadId": "h", "itemId": "b" })))
        .await;
    assert_eq!(scene.says("h").await, ["of f", "b"]);
}

#[tokio::test]
async fn forks_upon_forks_end_somewhere() {
    let scene = Scene::new().await;
    let mut last = "t".to_owned();
    for depth in 1..=32 {
        let id = format!("f{depth}");
        scene.done(fork(&last, json!({ "threadId": &id }))).await;
        scene.done(say(&id, &format!("i{depth}"), "x")).await;
        last = id;
    }
    let refused = scene.ask(fork(&last, json!({}))).await;
    assert_eq!(
        (refused.status, refused.kind()),
        (409, "thread_fork_too_deep")
    );
    assert_eq!(scene.says(&last).await.len(), 25);
    let all = scene
        .done(Ask::get(format!("/v1/threads/{last}/items")))
        .await;
    assert_eq!(all["total"], 35);
}

#[tokio::test]
async fn a_wish_is_granted_once() {
    let scene = Scene::new().await;
    let ask = || fork("t", json!({})).named("one fork");
    let first = scene.ask(ask()).await;
    scene.done(say("t", "d", "d")).await;
    let again = scene.ask(ask()).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn the_past_of_a_fork_has_what_it_shares() {
    let scene = Scene::new().await;
    let begun = scene.reach(fork("t", json!({ "threadId": "f" }))).await;
    scene.done(edit("f", "a", "anew")).await;
    scene.done(edit("t", "b", "not here")).await;
    let edited = scene.reach(say("f", "d", "d")).await;
    for n in 0..8 {
        scene.done(say("f", &format!("n{n}"), "later")).await;
    }
    scene.done(delete("f", "a")).await;
    let then = |thread: &str, at: &str| Ask::get(format!("/v1/threads/{thread}/items?at={at}"));
    assert_eq!(texts(&scene.done(then("f", &begun)).await), ["a", "b", "c"]);
    let list = scene.done(then("f", &edited)).await;
    assert_eq!(
        (texts(&list), &list["total"]),
        (
            vec!["anew".into(), "b".into(), "c".into(), "d".into()],
            &json!(4)
        )
    );
    let one = |at: &str| Ask::get(format!("/v1/threads/f/items/a?at={at}"));
    assert_eq!(scene.done(one(&begun)).await["parts"][0]["text"], "a");
    let history = scene
        .done(Ask::get("/v1/threads/f/history?limit=100"))
        .await;
    let kinds: Vec<_> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds[..3], ["thread.forked", "item.edited", "item.posted"]);
    assert!(!kinds.contains(&"item.copied".to_owned()), "{kinds:?}");
    let path = "/v1/threads/f/items/a/history";
    let of_item = scene.done(Ask::get(path)).await;
    let changed = &of_item["events"][0]["changes"];
    assert_eq!(of_item["events"][0]["type"], "item.edited", "{of_item}");
    assert!(
        changed.to_string().contains("\"a\""),
        "it tells what it was: {changed}"
    );
}
