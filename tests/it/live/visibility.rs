//! `enter` and `leave`, and what of the past may be seen.

use serde_json::{Value, json};

use super::client::{Client, told};
use super::world::{World, Writer};

#[tokio::test]
async fn rows_enter_and_leave_with_the_right_to_read_them() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("hidden", &[]).await;
    let mut client = Client::with_session(server, &session).await;
    let snapshot = client.subscribe("rows", "threads", json!(null)).await;
    assert_eq!(snapshot["threads"], json!([]));
    writer.thread("t", &["ann"]).await;
    writer.post("t", "x").await;
    writer.post("hidden", "never seen").await;
    // A reader who is behind is shown of the past only what today's permissions show as well: so
    // each step is seen before the next one takes the right away.
    let joined = writer.join("hidden", "ann").await.cursor.unwrap();
    let mut seen = client.links_until("rows", &joined).await;
    writer.part("t", "ann").await;
    writer.post("t", "not any more").await;
    let permitted = writer.permit("t", &["read(\"users\")"]).await;
    seen.extend(client.links_until("rows", &permitted.cursor.unwrap()).await);
    let last = writer.delete("t").await.cursor.unwrap();
    seen.extend(client.links_until("rows", &last).await);
    let expected = [
        "caughtUp",
        "enter t",
        "item.posted",
        "enter hidden",
        "leave t",
        "enter t",
        "leave t",
    ];
    assert_eq!(told(&seen), expected);
}

#[tokio::test]
async fn rows_enter_and_leave_with_the_query() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    let tea = [json!({ "method": "equal", "attribute": "name", "values": ["Tea"] })];
    client
        .subscribe_with("tea", "threads", json!(null), &tea)
        .await;
    writer.rename("t", "Tea").await;
    writer.post("t", "x").await;
    writer.rename("t", "Coffee").await;
    writer.post("t", "y").await;
    let renamed = writer.rename("t", "Tea").await.cursor.unwrap();
    let mut seen = client.links_until("tea", &renamed).await;
    let last = writer.delete("t").await.cursor.unwrap();
    seen.extend(client.links_until("tea", &last).await);
    assert_eq!(
        told(&seen),
        [
            "caughtUp",
            "enter t",
            "item.posted",
            "leave t",
            "enter t",
            "leave t"
        ]
    );
    let mut late = Client::with_key(server, &writer.key).await;
    late.subscribe_with("tea", "threads", json!("start"), &tea)
        .await;
    // The thread is deleted: of its past only the loss is told.
    assert_eq!(told(&late.past("tea").await), ["leave t", "leave t"]);
}

#[tokio::test]
async fn items_of_a_thread_come_and_go_with_it() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_session(server, &session).await;
    client.subscribe("items", "items", json!(null)).await;
    writer.post("t", "before").await;
    writer.open("t", "i", "opened before").await;
    writer.join("t", "ann").await;
    writer.append("t", "i", "seen").await;
    let shared = writer.post("t", "seen too").await.cursor.unwrap();
    let mut seen = client.links_until("items", &shared).await;
    writer.part("t", "ann").await;
    writer.append("t", "i", "hidden").await;
    writer.join("t", "ann").await;
    let last = writer.finish("t", "i").await.cursor.unwrap();
    seen.extend(client.links_until("items", &last).await);
    let expected = [
        "caughtUp",
        "enter t",
        "item.delta seen",
        "item.posted seen too",
        "leave t",
        "enter t",
        "item.finished opened beforeseenhidden",
    ];
    assert_eq!(told(&seen), expected);
    let mut late = Client::with_session(server, &session).await;
    late.subscribe("items", "items", json!("start")).await;
    assert_eq!(told(&late.past("items").await), expected[1..]);
}

/// Today's roles must pass today's permissions and those of the moment.
#[tokio::test]
async fn the_past_is_seen_only_as_far_as_it_was_shared() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &[]).await;
    writer.post("t", "1 private").await;
    writer.join("t", "ann").await;
    writer.post("t", "2 shared").await;
    let while_shared = writer.post("t", "3 shared").await.cursor.unwrap();
    writer.part("t", "ann").await;
    writer.post("t", "4 private").await;
    let mut client = Client::with_session(server, &session).await;
    let gone = client.subscribe("gone", "threads/t", json!("start")).await;
    assert_eq!(
        gone["errorType"], "thread_not_found",
        "today's permissions bind the past, too"
    );
    client.subscribe("items", "items", json!("start")).await;
    assert_eq!(told(&client.past("items").await), ["leave t"]);
    client
        .subscribe("rows", "threads", json!(while_shared))
        .await;
    assert_eq!(told(&client.past("rows").await), ["leave t"]);

    writer.permit("t", &["read(\"user:ann\")"]).await;
    writer.post("t", "5 shared").await;
    for (id, resource) in [("own", "threads/t/items"), ("items 2", "items")] {
        client.subscribe(id, resource, json!("start")).await;
        let seen = told(&client.past(id).await);
        let items: Vec<&String> = seen
            .iter()
            .filter(|told| told.starts_with("item"))
            .collect();
        assert_eq!(
            items,
            [
                "item.posted 2 shared",
                "item.posted 3 shared",
                "item.posted 5 shared"
            ],
            "{id}"
        );
    }
    client.subscribe("whole", "threads/t", json!("start")).await;
    let seen = told(&client.past("whole").await);
    assert_eq!(seen[0], "thread.participant.added");
    assert!(
        !seen
            .iter()
            .any(|told| told == "thread.created" || told == "thread.participant.removed"),
        "{seen:?}"
    );
    client.subscribe("rows 2", "threads", json!("start")).await;
    let seen = told(&client.past("rows 2").await);
    let expected = [
        "enter t",
        "item.posted",
        "item.posted",
        "leave t",
        "enter t",
        "item.posted",
    ];
    assert_eq!(seen, expected);
}

/// Many changes of access, so that several slices of them are read.
#[tokio::test]
async fn a_long_history_of_access_is_followed() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &[]).await;
    let mut expected = Vec::new();
    for round in 0..150 {
        writer.join("t", "ann").await;
        writer.post("t", &format!("shared {round}")).await;
        expected.push(format!("item.posted shared {round}"));
        writer.part("t", "ann").await;
        writer.post("t", "private").await;
    }
    writer.permit("t", &["read(\"users\")"]).await;
    let mut client = Client::with_session(server, &session).await;
    for (id, resource) in [("own", "threads/t/items"), ("all", "items")] {
        client.subscribe(id, resource, json!("start")).await;
        let mut seen = told(&client.past(id).await);
        seen.retain(|told| told.starts_with("item"));
        assert_eq!(seen, expected, "{id}");
    }
    client.subscribe("rows", "threads", json!("start")).await;
    let links: Vec<Value> = client.past("rows").await;
    let enters = links.iter().filter(|link| link["type"] == "enter").count();
    let leaves = links.iter().filter(|link| link["type"] == "leave").count();
    assert_eq!((enters, leaves), (151, 150));
}
