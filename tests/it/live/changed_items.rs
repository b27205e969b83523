//! Edits, deletions and switches of branches, live and later.

use serde_json::{Value, json};

use super::client::Client;
use super::world::{World, Writer};

async fn item(writer: &Writer<'_>, id: &str) {
    let body = json!({ "itemId": id, "role": "user", "parts": [{ "type": "text", "text": id }] });
    writer.write("t", "POST", "/items", body).await;
}

/// A thread with items that are changed in all ways; the cursor of the last change.
async fn changed(writer: &Writer<'_>) -> String {
    for id in ["a", "b"] {
        item(writer, id).await;
    }
    let better = json!({ "parts": [{ "type": "text", "text": "better" }], "tokens": 3 });
    writer.write("t", "PATCH", "/items/a", better).await;
    writer
        .write("t", "PUT", "/branch", json!({ "itemId": "a" }))
        .await;
    item(writer, "c").await;
    item(writer, "d").await;
    writer
        .write("t", "DELETE", "/items/b", Value::Null)
        .await
        .cursor
        .unwrap()
}

fn kinds(links: &[Value]) -> Vec<&str> {
    let events = links.iter().map(|link| &link["event"]["type"]);
    events.map(|kind| kind.as_str().unwrap()).collect()
}

#[tokio::test]
async fn changes_of_items_come_live_and_later_alike() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut live = Client::with_key(server, &writer.key).await;
    live.subscribe("t", "threads/t", json!(null)).await;
    let mut items = Client::with_key(server, &writer.key).await;
    items.subscribe("i", "threads/t/items", json!(null)).await;
    let end = changed(&writer).await;
    let is_event = |link: &Value| link["type"] == "event";
    let mut seen = live.links_until("t", &end).await;
    seen.retain(is_event);
    assert_eq!(
        kinds(&seen),
        [
            "item.posted",
            "item.posted",
            "item.edited",
            "thread.branch.switched",
            "item.posted",
            "item.posted",
            "item.deleted",
        ]
    );
    let event = |place: usize| &seen[place]["event"];
    assert_eq!(event(2)["itemId"], "a");
    assert_eq!(event(2)["item"]["parts"][0]["text"], "better");
    assert_eq!(event(2)["item"]["tokens"], 3);
    assert_eq!(event(3)["thread"]["activeItemId"], "a");
    assert_eq!(event(4)["item"]["parentId"], "a");
    assert_eq!(event(5)["item"]["parentId"], Value::Null);
    assert_eq!(
        (&event(6)["itemId"], &event(6)["item"]["status"]),
        (&json!("b"), &json!("deleted"))
    );
    let mut own = items.links_until("i", &end).await;
    own.retain(is_event);
    assert_eq!(own.len(), 6, "a switch is the thread's");

    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("t", "threads/t", json!("start")).await;
    let past = late.past("t").await;
    let told = |links: &[Value]| {
        links
            .iter()
            .map(|link| link["event"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&past[1..]), told(&seen));
}

#[tokio::test]
async fn the_rows_of_a_switched_thread_are_the_same_live_and_later() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut live = Client::with_key(server, &writer.key).await;
    live.subscribe("r", "threads", json!(null)).await;
    changed(&writer).await;
    writer
        .write("t", "PUT", "/branch", json!({ "itemId": "c" }))
        .await;
    let end = writer.rename("t", "renamed").await.cursor.unwrap();
    let seen = live.links_until("r", &end).await;
    // From the middle of it, so that what came before is folded.
    let before = seen[seen.len() - 3]["cursor"].clone();
    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("r", "threads", before).await;
    let past = late.past("r").await;
    assert_eq!(past.len(), 2);
    for (later, now) in past.iter().zip(&seen[seen.len() - 2..]) {
        assert_eq!(later["event"]["thread"], now["event"]["thread"]);
    }
    assert_eq!(past[1]["event"]["thread"]["activeItemId"], "c");
    item(&writer, "e").await;
    let end = writer.rename("t", "again").await.cursor.unwrap();
    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("r", "threads", past[1]["cursor"].clone())
        .await;
    let links = late.links_until("r", &end).await;
    let newest = &links[links.len() - 1]["event"]["thread"];
    assert_eq!(newest["activeItemId"], Value::Null);
}

/// Back to the first answer after a second one was made: the newest item is older than the switch.
#[tokio::test]
async fn a_switch_back_is_the_same_live_and_later() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut live = Client::with_key(server, &writer.key).await;
    live.subscribe("r", "threads", json!(null)).await;
    item(&writer, "q").await;
    item(&writer, "a1").await;
    let second = json!({ "itemId": "a2", "role": "assistant", "parentId": "q" });
    writer.write("t", "POST", "/items", second).await;
    let back = json!({ "itemId": "a1" });
    writer.write("t", "PUT", "/branch", back).await;
    let end = writer.rename("t", "renamed").await.cursor.unwrap();
    let seen = live.links_until("r", &end).await;
    let [.., switched, renamed] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(renamed["event"]["thread"]["activeItemId"], "a1");
    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe("r", "threads", switched["cursor"].clone())
        .await;
    let past = late.past("r").await;
    assert_eq!(past.len(), 1);
    assert_eq!(past[0]["event"]["thread"], renamed["event"]["thread"]);
}
