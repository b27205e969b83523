//! Mentions: who may be mentioned, who is told, and what of it one may read today.

use serde_json::{Value, json};

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::{Person, World};

/// A thread of Ann's with Bob as a member and Eve as a viewer.
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
        let cast = Self {
            world,
            ann,
            bob,
            eve,
            key,
        };
        cast.thread("t").await;
        cast
    }

    async fn thread(&self, id: &str) {
        let participants = json!([
            { "id": "user:ann", "role": "owner" },
            { "id": "user:bob", "role": "member" },
            { "id": "user:eve", "role": "viewer" },
            { "id": "agent:tutor", "role": "member" },
        ]);
        let thread = json!({ "threadId": id, "participants": participants });
        self.world.thread(&self.key, thread).await;
    }

    async fn ask(&self, ask: Ask) -> Value {
        let reply = self.world.ask(ask).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply.body
    }

    async fn by(&self, who: &Person, ask: Ask) -> Value {
        self.ask(by(who, ask)).await
    }

    /// Somebody says something in a thread that mentions these.
    async fn say(&self, who: &Person, thread: &str, id: &str, mentions: &[&str]) -> Value {
        self.by(who, post_in(thread, id, mentions)).await
    }

    /// A page of somebody's mentions.
    async fn mentions(&self, who: &Person, query: &str) -> Value {
        self.by(who, Ask::get(format!("/v1/mentions{query}"))).await
    }

    /// Which items of which threads mention somebody, and whether they are unread.
    async fn told(&self, who: &Person) -> Vec<(String, bool)> {
        told(&self.mentions(who, "").await)
    }

    async fn unread(&self, who: &Person, thread: &str) -> (Value, Value) {
        let answer = self
            .by(who, Ask::get(format!("/v1/threads/{thread}/unread")))
            .await;
        (answer["unread"].clone(), answer["mentions"].clone())
    }
}

fn told(page: &Value) -> Vec<(String, bool)> {
    let mentions = page["mentions"].as_array().unwrap().iter();
    mentions
        .map(|mention| {
            let item = &mention["item"];
            let place = format!(
                "{}/{}",
                item["threadId"].as_str().unwrap(),
                item["$id"].as_str().unwrap()
            );
            (place, mention["unread"].as_bool().unwrap())
        })
        .collect()
}

fn unread(places: &[&str]) -> Vec<(String, bool)> {
    places.iter().map(|place| ((*place).into(), true)).collect()
}

fn by(who: &Person, ask: Ask) -> Ask {
    ask.session("one", &who.session)
}

fn post_in(thread: &str, id: &str, mentions: &[&str]) -> Ask {
    let item = json!({ "itemId": id, "role": "user", "mentions": mentions,
        "parts": [{ "type": "text", "text": "look" }] });
    Ask::post(format!("/v1/threads/{thread}/items"), item)
}

fn edit(id: &str, mentions: &[&str]) -> Ask {
    let body = json!({ "mentions": mentions }).to_string();
    Ask::new("PATCH", format!("/v1/threads/t/items/{id}")).body(body)
}

fn read(thread: &str, item: &str) -> Ask {
    let body = json!({ "itemId": item }).to_string();
    Ask::new("PUT", format!("/v1/threads/{thread}/receipt")).body(body)
}

#[tokio::test]
async fn who_cannot_be_mentioned_is_refused_alike() {
    let cast = Cast::new().await;
    let Cast {
        world, ann, bob, ..
    } = &cast;
    let mallory = world.person("one", "mallory").await;
    let not_found = "item_mention_not_found";
    let invalid = "general_argument_invalid";
    let post = |mentions: &[&str]| post_in("t", "i", mentions);
    let many: Vec<String> = (0..51).map(|n| format!("user:u{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let forbidden = "thread_access_forbidden";
    let scenarios = vec![
        denied(
            "a stranger mentions",
            by(&mallory, post(&["user:ann"])),
            404,
            "thread_not_found",
        ),
        denied(
            "somebody who is elsewhere",
            by(bob, post(&["user:mallory"])),
            400,
            not_found,
        ),
        denied("nobody", by(bob, post(&["user:nobody"])), 400, not_found),
        denied(
            "an agent that is not there",
            by(ann, post(&["agent:ann"])),
            400,
            not_found,
        ),
        denied(
            "a key mentions nobody either",
            post(&["user:ann", "user:mallory"]).bearer(&cast.key),
            400,
            not_found,
        ),
        denied(
            "a member mentions everyone",
            by(bob, post(&["everyone"])),
            401,
            forbidden,
        ),
        denied("a key", by(bob, post(&["key:k"])), 400, invalid),
        denied("a team", by(bob, post(&["team:t"])), 400, invalid),
        denied(
            "too many",
            by(ann, post(&many)),
            400,
            "item_mention_limit_exceeded",
        ),
        granted("Bob", by(bob, post(&["user:ann"])), 201, &["item.posted"]),
        denied(
            "an edit mentions nobody",
            by(bob, edit("i", &["user:ann", "user:nobody"])),
            400,
            not_found,
        ),
        denied(
            "an edit mentions everyone",
            by(bob, edit("i", &["everyone"])),
            401,
            forbidden,
        ),
        granted(
            "the same again",
            by(bob, edit("i", &["user:ann"])),
            200,
            &[],
        ),
    ];
    play(world, world.one, scenarios).await;
}

#[tokio::test]
async fn nobody_reads_mentions_of_others() {
    let cast = Cast::new().await;
    let Cast {
        world, ann, bob, ..
    } = &cast;
    cast.say(bob, "t", "i", &["user:ann"]).await;
    let invalid = "general_argument_invalid";
    let list = |query: &str| Ask::get(format!("/v1/mentions{query}"));
    let blind = world.key("one", &["threads.write"]).await;
    let scenarios = vec![
        denied("a guest", list("").project("one"), 401, "user_unauthorized"),
        denied(
            "a key without the scope",
            list("?participant=user:ann").bearer(&blind),
            401,
            "general_unauthorized_scope",
        ),
        denied(
            "a key that names nobody",
            list("").bearer(&cast.key),
            400,
            invalid,
        ),
        denied(
            "somebody else's",
            by(bob, list("?participant=user:ann")),
            401,
            "permission_not_held",
        ),
        denied(
            "no participant",
            list("?participant=everyone").bearer(&cast.key),
            400,
            invalid,
        ),
        denied("no limit", by(ann, list("?limit=0")), 400, invalid),
        denied("too much", by(ann, list("?limit=101")), 400, invalid),
        denied(
            "no cursor",
            by(ann, list("?cursor=7")),
            400,
            "cursor_invalid",
        ),
        denied("no answer", by(ann, list("?unread=1")), 400, invalid),
    ];
    play(world, world.one, scenarios).await;
    let own = cast.mentions(ann, "?participant=user:ann").await;
    assert_eq!(told(&own), unread(&["t/i"]));
    let asked = list("?participant=user:ann").bearer(&cast.key);
    assert_eq!(told(&cast.ask(asked).await), unread(&["t/i"]));
    assert_eq!(cast.told(bob).await, []);
}

#[tokio::test]
async fn the_newest_come_first_from_all_threads_page_by_page() {
    let cast = Cast::new().await;
    let Cast { ann, bob, eve, .. } = &cast;
    cast.thread("u").await;
    cast.say(bob, "t", "a", &["user:ann"]).await;
    cast.say(bob, "u", "b", &["user:ann", "user:bob", "user:eve"])
        .await;
    cast.say(bob, "t", "none", &[]).await;
    cast.say(ann, "t", "c", &["everyone"]).await;
    let posted = cast.say(bob, "u", "d", &["user:ann"]).await;
    assert_eq!(posted["mentions"], json!(["user:ann"]));
    assert_eq!(cast.told(ann).await, unread(&["u/d", "u/b", "t/a"]));
    assert_eq!(cast.told(bob).await, unread(&["t/c"]), "not what he wrote");
    assert_eq!(cast.told(eve).await, unread(&["t/c", "u/b"]));
    let first = cast.mentions(ann, "?limit=2").await;
    assert_eq!(told(&first), unread(&["u/d", "u/b"]));
    let query = format!("?limit=2&cursor={}", first["cursor"].as_str().unwrap());
    let second = cast.mentions(ann, &query).await;
    assert_eq!(told(&second), unread(&["t/a"]));
    assert!(second.get("cursor").is_none(), "nothing is left");
    let item = cast.by(eve, Ask::get("/v1/threads/t/items/c")).await;
    assert_eq!(item["mentions"], json!(["everyone"]));
    let query = json!({ "method": "containsAny", "attribute": "mentions",
        "values": ["user:ann", "everyone"] });
    let query: String = form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
    let path = format!("/v1/threads/t/items?queries[]={query}");
    let listed = cast.by(eve, Ask::get(path)).await;
    let ids: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["$id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["a", "c"]);
}

#[tokio::test]
async fn what_was_read_is_read_and_counted_no_more() {
    let cast = Cast::new().await;
    let Cast { ann, bob, eve, .. } = &cast;
    for id in ["a", "b", "c"] {
        cast.say(bob, "t", id, &["user:ann"]).await;
    }
    cast.say(ann, "t", "own", &["user:ann", "user:bob"]).await;
    assert_eq!(cast.unread(ann, "t").await, (json!(3), json!(3)));
    assert_eq!(cast.unread(eve, "t").await, (json!(4), json!(0)));
    cast.by(ann, read("t", "b")).await;
    assert_eq!(cast.unread(ann, "t").await, (json!(1), json!(1)));
    let all = cast.told(ann).await;
    let seen = |id: &str, unread| (format!("t/{id}"), unread);
    assert_eq!(all, [seen("c", true), seen("b", false), seen("a", false)]);
    let left = cast.mentions(ann, "?unread=true").await;
    assert_eq!(told(&left), unread(&["t/c"]));
    let of_agent = Ask::get("/v1/mentions?participant=agent:tutor").bearer(&cast.key);
    cast.say(bob, "t", "d", &["agent:tutor"]).await;
    assert_eq!(told(&cast.ask(of_agent.clone()).await), unread(&["t/d"]));
    cast.ask(read("t", "d").bearer(&cast.key)).await;
    assert_eq!(
        told(&cast.ask(of_agent).await),
        [seen("d", false)],
        "the key that runs the agent has read it"
    );
}

#[tokio::test]
async fn an_edit_tells_whom_it_adds_and_takes_back_whom_it_leaves_out() {
    let cast = Cast::new().await;
    let Cast { ann, bob, eve, .. } = &cast;
    cast.say(bob, "t", "a", &["user:ann"]).await;
    cast.say(bob, "t", "b", &["user:eve"]).await;
    let edited = cast.by(bob, edit("a", &["user:eve"])).await;
    assert_eq!(edited["mentions"], json!(["user:eve"]));
    assert_eq!(cast.told(ann).await, []);
    assert_eq!(
        cast.told(eve).await,
        unread(&["t/a", "t/b"]),
        "in the order in which she was told"
    );
    cast.by(ann, edit("a", &["everyone"])).await;
    assert_eq!(cast.told(ann).await, unread(&["t/a"]));
    cast.by(bob, edit("a", &[])).await;
    assert_eq!(cast.told(ann).await, []);
    assert_eq!(cast.told(eve).await, unread(&["t/b"]));
    cast.by(bob, edit("a", &["user:ann"])).await;
    assert_eq!(cast.told(ann).await, unread(&["t/a"]), "and back again");
    let item = cast.by(eve, Ask::get("/v1/threads/t/items/a")).await;
    assert_eq!(item["mentions"], json!(["user:ann"]));
}

#[tokio::test]
async fn an_item_that_is_being_written_mentions_and_its_finish_says_anew() {
    let cast = Cast::new().await;
    let Cast { ann, bob, eve, .. } = &cast;
    let open = json!({ "itemId": "a", "role": "assistant", "status": "open",
        "mentions": ["user:ann"], "parts": [{ "type": "text", "text": "so " }] });
    cast.by(bob, Ask::post("/v1/threads/t/items", open)).await;
    let delta = json!({ "deltas": [{ "type": "text", "part": 0, "text": "far" }] });
    cast.by(bob, Ask::post("/v1/threads/t/items/a/deltas", delta))
        .await;
    let page = cast.mentions(ann, "").await;
    assert_eq!(page["mentions"][0]["item"]["parts"][0]["text"], "so far");
    let finish = |body: Value| Ask::post("/v1/threads/t/items/a/finish", body);
    let reply = cast
        .world
        .ask(by(bob, finish(json!({ "mentions": ["user:nobody"] }))))
        .await;
    assert_eq!(reply.kind(), "item_mention_not_found");
    let finished = cast
        .by(bob, finish(json!({ "mentions": ["user:eve"] })))
        .await;
    assert_eq!(finished["mentions"], json!(["user:eve"]));
    assert_eq!(cast.told(ann).await, []);
    assert_eq!(cast.told(eve).await, unread(&["t/a"]));
}

#[tokio::test]
async fn todays_rights_decide_and_what_is_deleted_is_gone() {
    let cast = Cast::new().await;
    let Cast { ann, bob, eve, .. } = &cast;
    cast.thread("u").await;
    cast.say(ann, "t", "a", &["user:bob", "user:eve"]).await;
    cast.say(ann, "u", "b", &["user:bob", "user:eve"]).await;
    cast.say(ann, "t", "c", &["everyone"]).await;
    let out = Ask::delete("/v1/threads/t/participants/user:bob");
    cast.by(ann, out).await;
    assert_eq!(cast.told(bob).await, unread(&["u/b"]), "he is out of t");
    let back = Ask::new("PUT", "/v1/threads/t/participants/user:bob");
    let role = json!({ "role": "viewer" }).to_string();
    cast.by(ann, back.body(role)).await;
    assert_eq!(cast.told(bob).await, unread(&["t/c", "u/b", "t/a"]));
    cast.by(ann, Ask::delete("/v1/threads/t/items/c")).await;
    assert_eq!(cast.told(bob).await, unread(&["u/b", "t/a"]));
    assert_eq!(cast.unread(bob, "t").await, (json!(1), json!(1)));
    let gone = cast.by(bob, Ask::get("/v1/threads/t/items/c")).await;
    assert_eq!(gone["mentions"], json!([]));
    cast.by(ann, Ask::delete("/v1/threads/t")).await;
    assert_eq!(cast.told(eve).await, unread(&["u/b"]));
    cast.thread("t").await;
    assert_eq!(cast.told(eve).await, unread(&["u/b"]), "another life");
    assert_eq!(cast.unread(eve, "t").await, (json!(0), json!(0)));
}

#[tokio::test]
async fn a_page_passes_over_much_that_is_closed_and_says_where_to_go_on() {
    let cast = Cast::new().await;
    let Cast { ann, bob, .. } = &cast;
    cast.thread("u").await;
    cast.say(ann, "u", "first", &["user:bob"]).await;
    for n in 0..1_050 {
        cast.say(ann, "t", &format!("i{n}"), &["user:bob"]).await;
    }
    let out = Ask::delete("/v1/threads/t/participants/user:bob");
    cast.by(ann, out).await;
    let nothing = cast.mentions(bob, "").await;
    assert_eq!(told(&nothing), []);
    let query = format!("?cursor={}", nothing["cursor"].as_str().unwrap());
    let rest = cast.mentions(bob, &query).await;
    assert_eq!(told(&rest), unread(&["u/first"]));
    assert!(rest.get("cursor").is_none());
}

#[tokio::test]
async fn mentions_stand_in_the_past_and_in_the_history() {
    let cast = Cast::new().await;
    let Cast { bob, eve, .. } = &cast;
    let reply = cast
        .world
        .ask(by(bob, post_in("t", "a", &["user:ann"])))
        .await;
    let cursor = reply.header("x-everlog-cursor").unwrap().to_owned();
    cast.by(bob, edit("a", &["user:eve"])).await;
    let path = format!("/v1/threads/t/items/a?at={cursor}");
    let then = cast.by(eve, Ask::get(path)).await;
    assert_eq!(then["mentions"], json!(["user:ann"]));
    let history = cast
        .by(eve, Ask::get("/v1/threads/t/items/a/history"))
        .await;
    let changes = history["events"][1]["changes"].as_array().unwrap();
    let changed = json!({ "column": "mentions", "from": ["user:ann"], "to": ["user:eve"] });
    assert!(changes.contains(&changed), "{history:#}");
}
