//! Nobody sees what they might not read when it happened, nor what they may not read today.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::client::Client;
use super::histories::{Deed, Thread, act, over_histories};
use super::world::{World, Writer};

/// An item's event, as the model knows it.
struct Written {
    thread: usize,
    cursor: String,
    /// Whether Ann might read the thread then.
    readable: bool,
}

fn events(links: &[Value]) -> Vec<&str> {
    let events = links.iter().filter(|link| link["type"] == "event");
    events
        .map(|link| link["cursor"].as_str().unwrap())
        .collect()
}

async fn follow_as_ann(history: Vec<(u8, Deed)>) {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    let mut live = Client::with_session(server, &session).await;
    live.subscribe("a", "items", json!(null)).await;
    let mut threads: [Thread; 3] = Default::default();
    let mut written: Vec<Written> = Vec::new();
    for (number, deed) in history {
        let thread = usize::from(number);
        let cursor = act(&writer, &format!("t{number}"), &mut threads[thread], deed).await;
        if matches!(deed, Deed::DeleteAndBeginAnew) {
            // What is gone is gone: a new life does not bring it back.
            written
                .iter_mut()
                .filter(|item| item.thread == thread)
                .for_each(|item| item.thread = usize::MAX);
        }
        let readable = threads[thread].joined || threads[thread].shared;
        written.extend(cursor.map(|cursor| Written {
            thread,
            cursor,
            readable,
        }));
    }
    writer.thread("end", &["ann"]).await;
    let end = writer.post("end", "the end").await.cursor.unwrap();
    let seen = live.links_until("a", &end).await;
    let allowed: HashSet<&str> = written
        .iter()
        .filter(|item| item.readable)
        .map(|item| item.cursor.as_str())
        .chain([end.as_str()])
        .collect();
    for cursor in events(&seen) {
        assert!(allowed.contains(cursor), "seen live without the right to");
    }
    let mut late = Client::with_session(server, &session).await;
    late.subscribe("a", "items", json!("start")).await;
    let past = late.past("a").await;
    let today = |item: &&Written| {
        threads
            .get(item.thread)
            .is_some_and(|thread| thread.joined || thread.shared)
    };
    let expected: Vec<&str> = written
        .iter()
        .filter(|item| item.readable)
        .filter(today)
        .map(|item| item.cursor.as_str())
        .chain([end.as_str()])
        .collect();
    assert_eq!(
        events(&past),
        expected,
        "the past, as far as it was and is shared"
    );
    for (number, thread) in threads.iter().enumerate() {
        if !thread.joined && !thread.shared {
            continue;
        }
        let mut own = Client::with_session(server, &session).await;
        own.subscribe("a", &format!("threads/t{number}/items"), json!("start"))
            .await;
        let past = own.past("a").await;
        let readable = written
            .iter()
            .filter(|item| item.readable && item.thread == number);
        let expected: Vec<&str> = readable.map(|item| item.cursor.as_str()).collect();
        assert_eq!(events(&past), expected, "the past of t{number}");
    }
}

#[test]
fn nobody_sees_more_than_was_and_is_shared() {
    over_histories(24, follow_as_ann);
}
