//! What is told live and what is told later of the same history is the same, but for threads that
//! are deleted by then: of their past only `leave` is told.

use serde_json::{Value, json};

use super::client::Client;
use super::histories::{Deed, Thread, act, over_histories};
use super::world::{World, Writer};

/// What of the links is told later, without what belongs to one subscription alone.
fn bare(world: &World, threads: &[Thread], mut links: Vec<Value>) -> Vec<Value> {
    let server = &world.server;
    let offset = |cursor: &str| {
        server
            .edge
            .cursors
            .decode(server.number("one"), cursor)
            .unwrap()
    };
    links.retain(|link| {
        let ids = [
            &link["event"]["threadId"],
            &link["row"]["$id"],
            &link["threadId"],
        ];
        let number = ids
            .iter()
            .find_map(|id| id.as_str()?.strip_prefix('t')?.parse::<usize>().ok());
        let deleted = number.and_then(|number| threads[number].deleted.as_deref());
        let over = deleted
            .is_some_and(|deleted| offset(link["cursor"].as_str().unwrap()) < offset(deleted));
        link["type"] != "caughtUp" && (link["type"] == "leave" || !over)
    });
    for link in &mut links {
        let fields = link.as_object_mut().unwrap();
        fields.remove("id");
        fields.remove("prev");
    }
    links
}

async fn tell_both_ways(history: Vec<(u8, Deed)>) {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let named = json!({ "method": "notEqual", "attribute": "name", "values": ["name 1"] });
    let written = json!({ "method": "equal", "attribute": "role", "values": ["assistant"] });
    let resources = [
        ("rows", "threads", vec![]),
        ("named", "threads", vec![named]),
        ("items", "items", vec![]),
        ("written", "items", vec![written]),
    ];
    let mut live = Client::with_key(server, &writer.key).await;
    for (id, resource, queries) in &resources {
        live.subscribe_with(id, resource, json!(null), queries)
            .await;
    }
    let mut threads: [Thread; 3] = Default::default();
    for (number, deed) in history {
        act(
            &writer,
            &format!("t{number}"),
            &mut threads[usize::from(number)],
            deed,
        )
        .await;
    }
    // The end of the history for every resource and filter.
    writer.thread("end", &[]).await;
    let end = writer.open("end", "end", "a").await.cursor.unwrap();
    let mut told: std::collections::HashMap<String, Vec<Value>> = std::collections::HashMap::new();
    let mut ended = 0;
    while ended < resources.len() {
        let frame = live.next().await;
        if frame["type"] == "snapshot" || frame.get("prev").is_none() {
            continue;
        }
        ended += usize::from(frame["cursor"] == *end);
        told.entry(frame["id"].as_str().unwrap().to_owned())
            .or_default()
            .push(frame);
    }
    for (id, resource, queries) in resources {
        let mut late = Client::with_key(server, &writer.key).await;
        late.subscribe_with("a", resource, json!("start"), &queries)
            .await;
        let later = bare(&world, &threads, late.past("a").await);
        assert_eq!(
            bare(&world, &threads, told.remove(id).unwrap()),
            later,
            "{id}"
        );
    }
}

#[test]
fn live_and_later_agree() {
    over_histories(24, tell_both_ways);
}
