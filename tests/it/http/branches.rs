//! The tree of a thread's items.

use serde_json::{Value, json};

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

struct Tree {
    world: World,
    key: String,
}

impl Tree {
    async fn new() -> Self {
        let world = World::new().await;
        let key = world.full_key("one").await;
        world.thread(&key, json!({ "threadId": "t" })).await;
        Self { world, key }
    }

    async fn ask(&self, ask: Ask) -> Value {
        let reply = self.world.ask(ask.bearer(&self.key)).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply.body
    }

    /// Posts items one after another; `id:parent` names what it follows.
    async fn grow(&self, items: &[&str]) {
        for item in items {
            let mut body = json!({ "role": "user" });
            match item.split_once(':') {
                Some((id, parent)) => {
                    body["itemId"] = json!(id);
                    body["parentId"] = json!(parent);
                }
                None => body["itemId"] = json!(item),
            }
            self.ask(Ask::post("/v1/threads/t/items", body)).await;
        }
    }

    async fn ids(&self, rest: &str) -> Vec<String> {
        let body = self
            .ask(Ask::get(format!("/v1/threads/t/items{rest}")))
            .await;
        let items = body["items"].as_array().unwrap().iter();
        items
            .map(|item| item["$id"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn switch(&self, item: &str) {
        self.ask(switch(item)).await;
    }

    async fn active(&self) -> Value {
        self.ask(Ask::get("/v1/threads/t")).await["activeItemId"].clone()
    }
}

fn switch(item: &str) -> Ask {
    Ask::new("PUT", "/v1/threads/t/branch").body(json!({ "itemId": item }).to_string())
}

#[tokio::test]
async fn what_is_no_place_in_the_tree_is_refused() {
    let tree = Tree::new().await;
    tree.grow(&["a", "b"]).await;
    tree.ask(Ask::delete("/v1/threads/t/items/b")).await;
    let post = |parent: Value| {
        let body = json!({ "itemId": "x", "role": "user", "parentId": parent });
        Ask::post("/v1/threads/t/items", body).bearer(&tree.key)
    };
    let list = |rest: &str| Ask::get(format!("/v1/threads/t/items{rest}")).bearer(&tree.key);
    let invalid = "general_argument_invalid";
    let query = |query: Value| list("?branch=a").queries(&[query]);
    play(
        &tree.world,
        tree.world.one,
        vec![
            denied(
                "it follows nobody",
                post(json!("never")),
                400,
                "item_parent_not_found",
            ),
            denied(
                "it follows itself",
                post(json!("x")),
                400,
                "item_parent_not_found",
            ),
            denied(
                "it follows a deleted one",
                post(json!("b")),
                400,
                "item_parent_not_found",
            ),
            denied("no id", post(json!("a/b")), 400, invalid),
            denied("no text", post(json!(7)), 400, invalid),
            denied(
                "to nobody",
                switch("never").bearer(&tree.key),
                404,
                "item_not_found",
            ),
            denied(
                "to a deleted one",
                switch("b").bearer(&tree.key),
                404,
                "item_not_found",
            ),
            denied("no id", switch("a/b").bearer(&tree.key), 400, invalid),
            denied(
                "a branch to nobody",
                list("?branch=never"),
                404,
                "item_not_found",
            ),
            denied("no branch", list("?branch=a%2Fb"), 400, invalid),
            denied("nobody", list("/never/branches"), 404, "item_not_found"),
            denied(
                "its own order",
                query(json!({ "method": "orderDesc", "attribute": "$sequence" })),
                400,
                "general_query_invalid",
            ),
            denied(
                "too many",
                query(json!({ "method": "limit", "values": [101] })),
                400,
                "general_query_invalid",
            ),
            granted("the beginning", post(json!("")), 201, &["item.posted"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_branch_leads_from_the_beginning_to_its_end() {
    let tree = Tree::new().await;
    tree.grow(&["q", "a1", "more", "a2:q", "next", "q2:", "own"])
        .await;
    for (end, branch) in [
        ("more", vec!["q", "a1", "more"]),
        ("next", vec!["q", "a2", "next"]),
        ("own", vec!["q2", "own"]),
        ("q", vec!["q"]),
        ("active", vec!["q2", "own"]),
    ] {
        assert_eq!(tree.ids(&format!("?branch={end}")).await, branch, "{end}");
    }
    for (item, after) in [
        ("q", vec!["a1", "a2"]),
        ("a1", vec!["more"]),
        ("more", vec![]),
        ("next", vec![]),
        ("q2", vec!["own"]),
    ] {
        assert_eq!(
            tree.ids(&format!("/{item}/branches")).await,
            after,
            "{item}"
        );
    }
    let all = tree.ids("").await;
    assert_eq!(all, ["q", "a1", "more", "a2", "next", "q2", "own"]);
}

#[tokio::test]
async fn after_a_switch_the_next_item_goes_on_there() {
    let tree = Tree::new().await;
    tree.grow(&["q", "a1", "a2:q"]).await;
    assert_eq!(tree.active().await, Value::Null);
    tree.switch("a1").await;
    assert_eq!(tree.active().await, "a1");
    assert_eq!(tree.ids("?branch=active").await, ["q", "a1"]);
    tree.grow(&["b1", "b2"]).await;
    assert_eq!(tree.active().await, Value::Null);
    assert_eq!(tree.ids("?branch=active").await, ["q", "a1", "b1", "b2"]);
    tree.switch("a2").await;
    tree.grow(&["c1:b1"]).await;
    assert_eq!(
        tree.active().await,
        Value::Null,
        "an item that says where it stands ends it"
    );
    assert_eq!(tree.ids("?branch=active").await, ["q", "a1", "b1", "c1"]);
}

#[tokio::test]
async fn a_long_branch_is_paged_from_its_end() {
    let tree = Tree::new().await;
    let items: Vec<String> = (0..90).map(|number| format!("i{number}")).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    tree.grow(&items).await;
    tree.grow(&["aside:i3", "aside2", "on:i89", "on2"]).await;
    let limit = json!({ "method": "limit", "values": [20] });
    let mut pages = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let mut queries = vec![limit.clone()];
        queries.extend(
            before
                .as_ref()
                .map(|id| json!({ "method": "cursorBefore", "values": [id] })),
        );
        let ask = Ask::get("/v1/threads/t/items?branch=on2").queries(&queries);
        let page = tree.ask(ask).await;
        let ids: Vec<String> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["$id"].as_str().unwrap().to_owned())
            .collect();
        assert!(ids.len() <= 20);
        before = ids.first().cloned();
        pages.push(ids);
        if page["more"] == false {
            break;
        }
    }
    pages.reverse();
    let mut expected = items;
    expected.extend(["on", "on2"]);
    assert_eq!(pages.concat(), expected);
    assert_eq!(pages.len(), 5);
}

#[tokio::test]
async fn what_follows_a_deleted_item_still_does() {
    let tree = Tree::new().await;
    tree.grow(&["q", "a", "b", "c:a"]).await;
    tree.ask(Ask::delete("/v1/threads/t/items/a")).await;
    assert_eq!(tree.ids("?branch=b").await, ["q", "a", "b"]);
    assert_eq!(tree.ids("?branch=c").await, ["q", "a", "c"]);
    assert_eq!(tree.ids("/a/branches").await, ["b", "c"]);
}
