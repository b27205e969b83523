//! Items after they were posted: edited and deleted, by whom, and what is left.

use serde_json::{Value, json};

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::{Person, World};

fn text(words: &str) -> Value {
    json!([{ "type": "text", "text": words }])
}

fn edit(item: &str, body: &Value) -> Ask {
    Ask::new("PATCH", format!("/v1/threads/t/items/{item}")).body(body.to_string())
}

fn delete(item: &str) -> Ask {
    Ask::delete(format!("/v1/threads/t/items/{item}"))
}

fn get(item: &str) -> Ask {
    Ask::get(format!("/v1/threads/t/items/{item}"))
}

/// A thread of Ann's with Bob as a member and Eve as a viewer; an item of each who may post, and one
/// that Bob is writing.
struct Cast {
    world: World,
    ann: Person,
    bob: Person,
    eve: Person,
}

impl Cast {
    async fn new() -> Self {
        let world = World::new().await;
        let ann = world.person("one", "ann").await;
        let bob = world.person("one", "bob").await;
        let eve = world.person("one", "eve").await;
        let participants = json!([
            { "id": "user:bob", "role": "member" },
            { "id": "user:eve", "role": "viewer" },
        ]);
        let key = world.full_key("one").await;
        let owner = json!([{ "id": "user:ann", "role": "owner" }]);
        let all = [
            owner.as_array().unwrap().as_slice(),
            participants.as_array().unwrap(),
        ]
        .concat();
        world
            .thread(&key, json!({ "threadId": "t", "participants": all }))
            .await;
        let cast = Self {
            world,
            ann,
            bob,
            eve,
        };
        for (who, id, status) in [
            (&cast.ann, "anns", "finished"),
            (&cast.bob, "bobs", "finished"),
            (&cast.bob, "open", "open"),
        ] {
            let item = json!({ "itemId": id, "role": "user", "status": status, "parts": text(id), "metadata": { "a": 1 } });
            let posted = Ask::post("/v1/threads/t/items", item);
            assert_eq!(cast.world.ask(by(who, posted)).await.status, 201);
        }
        cast
    }
}

fn by(who: &Person, ask: Ask) -> Ask {
    ask.session("one", &who.session)
}

#[tokio::test]
async fn only_the_author_and_who_may_update_the_thread_change_an_item() {
    let cast = Cast::new().await;
    let Cast {
        world,
        ann,
        bob,
        eve,
    } = &cast;
    let stranger = world.person("one", "mallory").await;
    let (forbidden, not_own) = ("thread_access_forbidden", "item_author_forbidden");
    let body = || json!({ "parts": text("changed") });
    let mut scenarios = Vec::new();
    for ask in [edit("anns", &body()), delete("anns")] {
        scenarios.extend([
            denied(
                "a guest",
                ask.clone().project("one"),
                401,
                "general_unauthorized_scope",
            ),
            denied(
                "a stranger",
                by(&stranger, ask.clone()),
                404,
                "thread_not_found",
            ),
            denied("a viewer", by(eve, ask.clone()), 401, forbidden),
            denied("another's item", by(bob, ask.clone()), 401, not_own),
        ]);
    }
    for item in ["never", "a/b"] {
        let (status, kind) = match item {
            "never" => (404, "item_not_found"),
            _ => (404, "general_route_not_found"),
        };
        scenarios.push(denied(
            "no such item",
            by(ann, edit(item, &body())),
            status,
            kind,
        ));
        scenarios.push(denied("no such item", by(ann, delete(item)), status, kind));
    }
    scenarios.extend([
        denied(
            "it is being written",
            by(bob, edit("open", &body())),
            409,
            "item_still_open",
        ),
        granted(
            "nothing to change",
            by(bob, edit("bobs", &json!({}))),
            200,
            &[],
        ),
        granted(
            "the author edits",
            by(bob, edit("bobs", &body())),
            200,
            &["item.edited"],
        ),
        granted(
            "the owner edits",
            by(ann, edit("bobs", &body())),
            200,
            &["item.edited"],
        ),
        granted(
            "the author deletes",
            by(bob, delete("bobs")),
            204,
            &["item.deleted"],
        ),
        granted(
            "the owner deletes",
            by(ann, delete("open")),
            204,
            &["item.deleted"],
        ),
        denied(
            "it is deleted",
            by(ann, delete("bobs")),
            404,
            "item_not_found",
        ),
        denied(
            "it is deleted",
            by(bob, edit("bobs", &body())),
            404,
            "item_not_found",
        ),
        denied(
            "it takes no deltas",
            by(bob, Ask::post("/v1/threads/t/items/open/finish", json!({}))),
            409,
            "item_not_open",
        ),
        denied(
            "its id stays taken",
            by(
                ann,
                Ask::post(
                    "/v1/threads/t/items",
                    json!({ "itemId": "bobs", "role": "user" }),
                ),
            ),
            409,
            "item_already_exists",
        ),
    ]);
    play(world, world.one, scenarios).await;
}

#[tokio::test]
async fn bad_changes_are_refused() {
    let cast = Cast::new().await;
    let invalid = "general_argument_invalid";
    let large = json!({ "parts": text(&"x".repeat(1_048_577)) });
    let many = json!({ "parts": vec![text("x")[0].clone(); 65] });
    let scenarios = [
        (json!({ "role": "user" }), 400, invalid),
        (json!({ "parts": [{ "type": "html" }] }), 400, invalid),
        (json!({ "parts": "x" }), 400, invalid),
        (json!({ "tokens": -1 }), 400, invalid),
        (json!({ "metadata": [] }), 400, invalid),
        (json!({ "author": "user:ann" }), 400, invalid),
        (many, 400, "item_part_invalid"),
        (large, 413, "item_too_large"),
    ];
    let scenarios = scenarios.into_iter().map(|(body, status, kind)| {
        denied(
            "a bad change",
            by(&cast.bob, edit("bobs", &body)),
            status,
            kind,
        )
    });
    play(&cast.world, cast.world.one, scenarios.collect()).await;
}

#[tokio::test]
async fn an_edit_replaces_what_it_names_and_a_retry_changes_nothing() {
    let cast = Cast::new().await;
    let Cast { world, bob, .. } = &cast;
    let before = world.ask(by(bob, get("bobs"))).await.body;
    assert_eq!(before["editedAt"], Value::Null);
    let change = by(
        bob,
        edit("bobs", &json!({ "parts": text("better"), "tokens": 7 })),
    )
    .named("k");
    let edited = world.ask(change.clone()).await.body;
    assert_eq!(edited["parts"], text("better"));
    assert_eq!(
        (&edited["tokens"], &edited["metadata"]),
        (&json!(7), &json!({ "a": 1 }))
    );
    assert_eq!(
        (&edited["$sequence"], &edited["author"]),
        (&before["$sequence"], &json!("user:bob"))
    );
    assert_eq!(edited["editedAt"], edited["$updatedAt"]);
    assert_eq!(world.ask(by(bob, get("bobs"))).await.body, edited);
    let again = world.ask(change).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, edited);
    let listed = world
        .ask(by(bob, Ask::get("/v1/threads/t/items")))
        .await
        .body;
    assert_eq!(listed["items"][1], edited);
}

#[tokio::test]
async fn a_deleted_item_says_nothing_and_keeps_its_place() {
    let cast = Cast::new().await;
    let Cast {
        world, ann, bob, ..
    } = &cast;
    for item in ["bobs", "open"] {
        assert_eq!(world.ask(by(bob, delete(item))).await.status, 204);
    }
    let listed = world
        .ask(by(ann, Ask::get("/v1/threads/t/items")))
        .await
        .body;
    assert_eq!(listed["total"], 3);
    let states: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["status"])
        .collect();
    assert_eq!(states, ["finished", "deleted", "deleted"]);
    for place in [1, 2] {
        let gone = &listed["items"][place];
        assert_eq!(
            (&gone["parts"], &gone["metadata"], &gone["tokens"]),
            (&json!([]), &json!({}), &Value::Null)
        );
        assert_eq!(gone["author"], "user:bob");
    }
    let kept = world.ask(by(ann, get("anns"))).await.body;
    assert_eq!(kept["parts"], text("anns"));
}
