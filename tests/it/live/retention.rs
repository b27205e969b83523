//! Items that expire, live and later: who watches learns of it, and nobody gets what they said.

use everlog_actors::{Sweeper, Swept};
use everlog_domain::time::Time;
use serde_json::{Value, json};

use super::client::{Client, told};
use super::world::{Server, World, Writer};

const DAY: i64 = 86_400;

/// A rule by which so many items of a thread stay.
async fn keep(writer: &Writer<'_>, items: u32) {
    let rule = json!({ "maxItemsPerThread": items });
    let server = writer.server;
    server
        .granted(&writer.key, "PUT", "/v1/retention", rule)
        .await;
}

async fn sweep(server: &Server) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = Time(i64::try_from(now.unwrap().as_micros()).unwrap());
    let mut sweeper = Sweeper::new(server.edge.node.clone());
    while sweeper.slice(now.plus_seconds(DAY)).await.unwrap() == Swept::More {}
}

/// Where the log is: the cursor of a write.
async fn rename(writer: &Writer<'_>, name: &str) -> String {
    writer.rename("t", name).await.cursor.unwrap()
}

fn events(links: &[Value]) -> Vec<String> {
    let events: Vec<Value> = links
        .iter()
        .filter(|link| link["type"] == "event")
        .cloned()
        .collect();
    told(&events)
}

#[tokio::test]
async fn who_watches_learns_what_is_gone_and_who_comes_later_gets_no_more_than_that() {
    let world = World::new().await;
    let server = &world.server;
    let ann = server.person("ann").await;
    let writer = Writer::new(server).await;
    writer.thread("t", &["ann"]).await;
    let session = json!(null);
    let mut live = Client::with_session(server, &ann).await;
    for (id, resource) in [("t", "threads/t"), ("i", "threads/t/items"), ("a", "items")] {
        live.subscribe(id, resource, session.clone()).await;
    }
    writer.post("t", "first").await;
    writer.open("t", "open", "so ").await;
    writer.append("t", "open", "it goes").await;
    let middle = writer.finish("t", "open").await.cursor.unwrap();
    writer.post("t", "newest").await;
    // read once, so that the texts of the past are kept for others
    let mut early = Client::with_session(server, &ann).await;
    early.subscribe("t", "threads/t", json!("start")).await;
    assert!(events(&early.past("t").await).contains(&"item.posted first".to_owned()));

    keep(&writer, 1).await;
    sweep(server).await;
    let end = rename(&writer, "later").await;
    let expired = |links: &[Value]| -> Vec<Value> {
        let expired = links.iter().map(|link| link["event"].clone());
        expired
            .filter(|event| event["type"] == "thread.items.expired")
            .collect()
    };
    let seen = live.links_until("t", &end).await;
    let [event] = &expired(&seen)[..] else {
        panic!("expected one, found {seen:?}");
    };
    assert_eq!(event["principal"], "system");
    let ids = event["itemIds"].as_array().unwrap();
    assert_eq!((ids.len(), &ids[1]), (2, &json!("open")));
    assert_eq!(event.get("thread"), None);
    let since = seen[seen.len() - 2]["cursor"].as_str().unwrap().to_owned();

    let expected = ["item.posted newest", "thread.items.expired"];
    for (resource, from) in [
        ("threads/t/items", json!("start")),
        ("threads/t/items", json!(middle)),
        ("items", json!("start")),
        ("items", json!(middle)),
    ] {
        let mut late = Client::with_session(server, &ann).await;
        late.subscribe("x", resource, from.clone()).await;
        let past = late.past("x").await;
        let own: Vec<String> = events(&past);
        assert_eq!(own, expected, "{resource} from {from}");
        assert_eq!(expired(&past), expired(&seen), "{resource} from {from}");
    }
    let mut late = Client::with_session(server, &ann).await;
    late.subscribe("t", "threads/t", json!("start")).await;
    assert_eq!(
        events(&late.past("t").await),
        [
            "thread.created",
            "item.posted newest",
            "thread.items.expired",
            "thread.updated"
        ]
    );
    // a place between two events that are withheld is a place like any other
    let mut again = Client::with_session(server, &ann).await;
    again.subscribe("t", "threads/t", json!(since)).await;
    assert_eq!(events(&again.past("t").await), ["thread.updated"]);
}

#[tokio::test]
async fn the_rows_of_threads_are_the_same_live_and_later() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut live = Client::with_key(server, &writer.key).await;
    live.subscribe("r", "threads", json!(null)).await;
    let begin = rename(&writer, "begin").await;
    let first = writer.post("t", "first").await;
    let first = first.body["$id"].as_str().unwrap().to_owned();
    writer.post("t", "second").await;
    let switch = json!({ "itemId": first });
    writer.write("t", "PUT", "/branch", switch).await;
    keep(&writer, 1).await;
    sweep(server).await;
    let end = rename(&writer, "end").await;
    let seen = live.links_until("r", &end).await;
    let ended = &seen[seen.len() - 2]["event"];
    assert_eq!(ended["type"], "thread.items.expired");
    assert_eq!(ended["thread"]["activeItemId"], Value::Null);
    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("r", "threads", json!(begin)).await;
    let past = late.past("r").await;
    let rows = |links: &[Value]| -> Vec<Value> {
        let events = links.iter().filter(|link| link["type"] == "event");
        events.map(|link| link["event"]["thread"].clone()).collect()
    };
    // also of what is withheld: a thread's row has no content of items
    assert_eq!(rows(&past), rows(&seen)[1..]);
}
