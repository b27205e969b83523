//! Coming back: nothing missing, nothing twice.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::client::{Client, told};
use super::world::{Server, World, Writer};

const RESOURCES: [(&str, &str); 4] = [
    ("rows", "threads"),
    ("items", "items"),
    ("t", "threads/t"),
    ("own", "threads/t/items"),
];

/// What each subscription has seen, over all connections.
#[derive(Default)]
struct Seen {
    cursors: HashMap<&'static str, Option<String>>,
    links: HashMap<&'static str, Vec<Value>>,
}

impl Seen {
    /// Connects, goes on where it was, reads so many links and drops the connection.
    async fn visit(&mut self, server: &Server, key: &str, links: usize) {
        let mut client = Client::with_key(server, key).await;
        for (id, resource) in RESOURCES {
            let cursor = self.cursors.get(id).cloned().flatten();
            client
                .ask_for(
                    id,
                    resource,
                    json!(cursor.as_deref().unwrap_or("start")),
                    &[],
                )
                .await;
        }
        let mut read = 0;
        while read < links {
            let frame = client.next().await;
            if self.take(&frame) {
                read += 1;
            }
        }
    }

    /// Reads until every subscription has caught up.
    async fn finish(&mut self, server: &Server, key: &str) {
        let mut client = Client::with_key(server, key).await;
        for (id, resource) in RESOURCES {
            let cursor = self.cursors.get(id).cloned().flatten();
            client
                .ask_for(
                    id,
                    resource,
                    json!(cursor.as_deref().unwrap_or("start")),
                    &[],
                )
                .await;
        }
        let mut behind = RESOURCES.len();
        while behind > 0 {
            let frame = client.next().await;
            self.take(&frame);
            if frame["type"] == "caughtUp" {
                behind -= 1;
            }
        }
    }

    /// Whether the frame was a link that says something.
    fn take(&mut self, frame: &Value) -> bool {
        let Some(&(id, _)) = RESOURCES.iter().find(|(id, _)| frame["id"] == *id) else {
            return false;
        };
        if let (Some(cursor), Some(_)) = (frame["cursor"].as_str(), frame.get("prev")) {
            self.cursors.insert(id, Some(cursor.to_owned()));
        }
        let says = matches!(frame["type"].as_str(), Some("event" | "enter" | "leave"));
        if says {
            self.links.entry(id).or_default().push(frame.clone());
        }
        says
    }
}

#[tokio::test]
async fn across_disconnects_and_restarts_everything_comes_once() {
    let mut world = World::new().await;
    let key = world.server.full_key("one").await;
    let mut seen = Seen::default();
    let writer = Writer {
        server: &world.server,
        key: key.clone(),
    };
    writer.thread("t", &[]).await;
    writer.thread("u", &[]).await;
    for round in 0..6 {
        let writer = Writer {
            server: &world.server,
            key: key.clone(),
        };
        for number in 0..10 {
            writer.post("t", &format!("{round}.{number}")).await;
            writer.post("u", "beside").await;
            let item = format!("i{round}-{number}");
            writer.open("t", &item, "a").await;
            writer.append("t", &item, "b").await;
            writer.finish("t", &item).await;
        }
        // Dropped in the middle of the past, and in the present.
        seen.visit(&world.server, &key, 7 + round).await;
        if round % 2 == 1 {
            world = world.restart().await;
        }
    }
    seen.finish(&world.server, &key).await;
    for (id, resource) in RESOURCES {
        let mut reference = Client::with_key(&world.server, &key).await;
        reference.subscribe("a", resource, json!("start")).await;
        let expected = reference.past("a").await;
        let strip = |links: &[Value]| -> Vec<Value> {
            let bare = |link: &Value| {
                let mut link = link.clone();
                let fields = link.as_object_mut().unwrap();
                // A cursor of `caughtUp` stands between links of two connections.
                fields.remove("id");
                fields.remove("prev");
                link
            };
            links.iter().map(bare).collect()
        };
        assert_eq!(strip(&seen.links[id]), strip(&expected), "{id}");
    }
}

#[tokio::test]
async fn the_cursor_of_a_write_begins_right_after_it() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    writer.post("t", "before").await;
    let cursor = writer.post("t", "mine").await.cursor.unwrap();
    writer.post("t", "after").await;
    let mut client = Client::with_key(server, &writer.key).await;
    for (id, resource) in RESOURCES {
        client.subscribe(id, resource, json!(cursor)).await;
        let seen = client.past(id).await;
        assert_eq!(seen.len(), 1, "{id}: {seen:?}");
        assert_eq!(seen[0]["event"]["type"], "item.posted", "{id}");
    }
}

#[tokio::test]
async fn a_cursor_older_than_a_thread_leaves_its_former_life() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let cursor = writer.post("t", "of the first life").await.cursor.unwrap();
    writer.post("t", "also").await;
    writer.delete("t").await;
    let mut client = Client::with_key(server, &writer.key).await;
    let gone = client
        .subscribe("a", "threads/t/items", json!(cursor))
        .await;
    assert_eq!(gone["errorType"], "thread_not_found");
    writer.thread("t", &[]).await;
    writer.post("t", "of the second").await;
    for resource in ["threads/t/items", "threads/t"] {
        client.subscribe(resource, resource, json!(cursor)).await;
        let seen = told(&client.past(resource).await);
        assert_eq!(
            seen.first().map(String::as_str),
            Some("leave t"),
            "{resource}"
        );
        assert_eq!(
            seen.last().map(String::as_str),
            Some("item.posted of the second"),
            "{resource}"
        );
        assert!(
            !seen
                .iter()
                .any(|told| told.contains("first life") || told.contains("also")),
            "{seen:?}"
        );
    }
}
