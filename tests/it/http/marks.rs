//! Reactions, pins, and how far everybody has read.

use serde_json::{Value, json};

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::{Person, World};

/// A thread of Ann's with Bob as a member, Eve as a viewer and three items of Ann's.
struct Cast {
    world: World,
    ann: Person,
    bob: Person,
    eve: Person,
    key: String,
}

impl Cast {
    async fn new() -> Self {
        let world = World::new().await;
        let ann = world.person("one", "ann").await;
        let bob = world.person("one", "bob").await;
        let eve = world.person("one", "eve").await;
        let key = world.full_key("one").await;
        let participants = json!([
            { "id": "user:ann", "role": "owner" },
            { "id": "user:bob", "role": "member" },
            { "id": "user:eve", "role": "viewer" },
        ]);
        let thread = json!({ "threadId": "t", "participants": participants });
        world.thread(&key, thread).await;
        let cast = Self {
            world,
            ann,
            bob,
            eve,
            key,
        };
        for id in ["a", "b", "c"] {
            let item = json!({ "itemId": id, "role": "user" });
            let posted = cast
                .by(&cast.ann, Ask::post("/v1/threads/t/items", item))
                .await;
            assert_eq!(posted["reactions"], json!({}));
        }
        cast
    }

    async fn by(&self, who: &Person, ask: Ask) -> Value {
        let reply = self.world.ask(by(who, ask)).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply.body
    }
}

fn by(who: &Person, ask: Ask) -> Ask {
    ask.session("one", &who.session)
}

fn at(rest: &str) -> String {
    format!("/v1/threads/t{rest}")
}

fn put(rest: &str) -> Ask {
    Ask::new("PUT", at(rest))
}

fn delete(rest: &str) -> Ask {
    Ask::delete(at(rest))
}

fn get(rest: &str) -> Ask {
    Ask::get(at(rest))
}

fn read(item: &str) -> Ask {
    put("/receipt").body(json!({ "itemId": item }).to_string())
}

/// The thumb, as a path has it.
const THUMB: &str = "/items/a/reactions/%F0%9F%91%8D";

#[tokio::test]
async fn who_may_not_mark_leaves_no_mark() {
    let cast = Cast::new().await;
    let Cast {
        world,
        ann,
        bob,
        eve,
        ..
    } = &cast;
    let stranger = world.person("one", "mallory").await;
    let forbidden = "thread_access_forbidden";
    let invalid = "general_argument_invalid";
    let mut scenarios = Vec::new();
    for ask in [
        put(THUMB),
        delete(THUMB),
        put("/items/a/pin"),
        delete("/items/a/pin"),
    ] {
        scenarios.extend([
            denied(
                "a stranger",
                by(&stranger, ask.clone()),
                404,
                "thread_not_found",
            ),
            denied("a viewer", by(eve, ask.clone()), 401, forbidden),
            denied(
                "a guest",
                ask.project("one"),
                401,
                "general_unauthorized_scope",
            ),
        ]);
    }
    for ask in [put("/items/a/pin"), delete("/items/a/pin")] {
        scenarios.push(denied("a member", by(bob, ask), 401, forbidden));
    }
    for rest in ["/items/never/reactions/x", "/items/never/pin"] {
        scenarios.push(denied("nothing", by(ann, put(rest)), 404, "item_not_found"));
    }
    let long = format!("/items/a/reactions/{}", "x".repeat(33));
    for rest in ["/items/a/reactions/%20", "/items/a/reactions/a%0Ab", &long] {
        scenarios.push(denied("no reaction", by(ann, put(rest)), 400, invalid));
    }
    scenarios.extend([
        denied(
            "a stranger reads",
            by(&stranger, read("a")),
            404,
            "thread_not_found",
        ),
        denied(
            "nothing to read",
            by(eve, read("never")),
            404,
            "item_not_found",
        ),
        denied("no id", by(eve, read("a/b")), 400, invalid),
        granted("a viewer reads", by(eve, read("a")), 204, &["thread.read"]),
    ]);
    play(world, world.one, scenarios).await;
}

#[tokio::test]
async fn reactions_stand_once_each_and_are_counted() {
    let cast = Cast::new().await;
    let Cast {
        world, ann, bob, ..
    } = &cast;
    let (added, removed) = (&["item.reaction.added"], &["item.reaction.removed"]);
    play(
        world,
        world.one,
        vec![
            granted("Ann", by(ann, put(THUMB)), 204, added),
            granted("again", by(ann, put(THUMB)), 204, &[]),
            granted("Bob", by(bob, put(THUMB)), 204, added),
            granted("another", by(bob, put("/items/a/reactions/ok")), 204, added),
            granted(
                "not there",
                by(bob, delete("/items/b/reactions/ok")),
                204,
                &[],
            ),
        ],
    )
    .await;
    let item = cast.by(ann, get("/items/a")).await;
    assert_eq!(item["reactions"], json!({ "\u{1f44d}": 2, "ok": 1 }));
    let all = cast.by(bob, get("/items/a/reactions")).await;
    let pairs: Vec<_> = all["reactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reaction| {
            (
                reaction["by"].as_str().unwrap(),
                reaction["reaction"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        pairs,
        [
            ("user:ann", "\u{1f44d}"),
            ("user:bob", "ok"),
            ("user:bob", "\u{1f44d}")
        ]
    );
    play(
        world,
        world.one,
        vec![
            granted("Bob takes his away", by(bob, delete(THUMB)), 204, removed),
            granted(
                "and the other",
                by(bob, delete("/items/a/reactions/ok")),
                204,
                removed,
            ),
        ],
    )
    .await;
    let listed = cast.by(ann, get("/items")).await;
    assert_eq!(listed["items"][0]["reactions"], json!({ "\u{1f44d}": 1 }));
}

#[tokio::test]
async fn pins_are_listed_in_the_order_of_the_thread() {
    let cast = Cast::new().await;
    let Cast {
        world, ann, eve, ..
    } = &cast;
    play(
        world,
        world.one,
        vec![
            granted("c", by(ann, put("/items/c/pin")), 204, &["item.pinned"]),
            granted("a", by(ann, put("/items/a/pin")), 204, &["item.pinned"]),
            granted("again", by(ann, put("/items/a/pin")), 204, &[]),
            granted("not pinned", by(ann, delete("/items/b/pin")), 204, &[]),
        ],
    )
    .await;
    let pinned = |pins: &Value| -> Vec<String> {
        let pins = pins["pins"].as_array().unwrap().iter();
        pins.map(|pin| pin["itemId"].as_str().unwrap().to_owned())
            .collect()
    };
    let pins = cast.by(eve, get("/pins")).await;
    assert_eq!(pinned(&pins), ["a", "c"]);
    let item = cast.by(eve, get("/items/a")).await;
    assert_eq!(item["pinnedAt"], pins["pins"][0]["pinnedAt"]);
    cast.by(ann, delete("/items/a/pin")).await;
    assert_eq!(cast.by(eve, get("/items/a")).await["pinnedAt"], Value::Null);
    cast.by(ann, delete("/items/c")).await;
    assert!(
        pinned(&cast.by(eve, get("/pins")).await).is_empty(),
        "a deleted item is pinned no more"
    );
}

#[tokio::test]
async fn everybody_reads_forwards_and_knows_what_is_left() {
    let cast = Cast::new().await;
    let Cast {
        world,
        ann,
        bob,
        eve,
        key,
    } = &cast;
    let unread = async |who: &Person| {
        let answer = cast.by(who, get("/unread")).await;
        (answer["unread"].clone(), answer["lastReadItemId"].clone())
    };
    assert_eq!(unread(eve).await, (json!(3), Value::Null));
    assert_eq!(
        unread(ann).await,
        (json!(0), Value::Null),
        "one's own are read"
    );
    play(
        world,
        world.one,
        vec![
            granted("up to b", by(eve, read("b")), 204, &["thread.read"]),
            granted("not back", by(eve, read("a")), 204, &[]),
            granted("Bob too", by(bob, read("c")), 204, &["thread.read"]),
            granted(
                "a key as well",
                read("a").bearer(key),
                204,
                &["thread.read"],
            ),
        ],
    )
    .await;
    assert_eq!(unread(eve).await, (json!(1), json!("b")));
    assert_eq!(unread(bob).await, (json!(0), json!("c")));
    let receipts = cast.by(ann, get("/receipts")).await;
    let seen: Vec<_> = receipts["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|receipt| {
            (
                receipt["participant"].as_str().unwrap(),
                receipt["itemId"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen[1..], [("user:bob", "c"), ("user:eve", "b")]);
    cast.by(eve, read("c")).await;
    assert_eq!(unread(eve).await, (json!(0), json!("c")));
    assert_eq!(
        cast.by(ann, get("/receipts")).await["total"],
        3,
        "one for each"
    );
}

#[tokio::test]
async fn a_deleted_item_has_no_reactions_and_a_thread_made_anew_no_receipts() {
    let cast = Cast::new().await;
    let Cast { ann, eve, .. } = &cast;
    cast.by(ann, put(THUMB)).await;
    cast.by(eve, read("c")).await;
    cast.by(ann, delete("/items/a")).await;
    let gone = cast.by(eve, get("/items/a")).await;
    assert_eq!(gone["reactions"], json!({}));
    assert_eq!(cast.by(eve, get("/items/a/reactions")).await["total"], 0);
    cast.by(ann, delete("")).await;
    let again = json!({ "threadId": "t", "permissions": ["read(\"users\")"] });
    cast.world.thread(&cast.key, again).await;
    assert_eq!(cast.by(eve, get("/receipts")).await["total"], 0);
    assert_eq!(cast.by(eve, get("/pins")).await["total"], 0);
}
