//! A change of who may read one thread concerns those who watch that thread, and nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Barrier};

use everlog_domain::ids::CONSOLE;
use everlog_domain::ports::{Log, RowsView};
use serde_json::{Value, json};

use super::client::{Client, told};
use super::world::{Server, World, Writer};

/// Takes every place that the readers of the log have, until it is dropped: whoever needs to read
/// meanwhile is stuck.
struct NoReads(Arc<Barrier>);

impl NoReads {
    async fn take(server: &Server) -> Self {
        const PLACES: usize = 8;
        let begun = Arc::new(Barrier::new(PLACES + 1));
        let over = Arc::new(Barrier::new(PLACES + 1));
        for _ in 0..PLACES {
            let (reads, begun, over) = (
                server.edge.node.reads().clone(),
                Arc::clone(&begun),
                Arc::clone(&over),
            );
            tokio::spawn(async move {
                let hold = move |_: &dyn RowsView, _: &dyn Log| {
                    begun.wait();
                    over.wait();
                };
                reads.run(CONSOLE, hold).await.unwrap();
            });
        }
        tokio::task::spawn_blocking(move || begun.wait())
            .await
            .unwrap();
        Self(over)
    }
}

impl Drop for NoReads {
    fn drop(&mut self) {
        self.0.wait();
    }
}

const RESOURCES: [&str; 4] = ["threads/own", "threads/own/items", "items", "threads"];

/// Subscribes to all of them, each under its own name.
async fn subscribe_to_all(client: &mut Client) {
    for resource in RESOURCES {
        client.subscribe(resource, resource, json!(null)).await;
        client.find(resource, &["caughtUp"]).await;
    }
}

/// What each of them brings up to a cursor.
async fn told_until(client: &mut Client, cursor: &str) -> HashMap<String, Vec<String>> {
    let mut links: HashMap<String, Vec<Value>> = HashMap::new();
    let mut ended = 0;
    while ended < RESOURCES.len() {
        let frame = client.next().await;
        ended += usize::from(frame["cursor"] == cursor);
        let id = frame["id"].as_str().unwrap().to_owned();
        links.entry(id).or_default().push(frame);
    }
    links
        .into_iter()
        .map(|(id, links)| (id, told(&links)))
        .collect()
}

/// The people of one thread join and part: whoever watches others is neither authenticated again
/// nor sent back to the log. Neither are requests.
#[tokio::test]
async fn who_joins_one_thread_stops_nobody_elsewhere() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("own", &["ann"]).await;
    writer.thread("other", &[]).await;
    writer.open("own", "written", "a").await;
    let mut client = Client::with_session(server, &session).await;
    subscribe_to_all(&mut client).await;
    // Seen once, whether Ann may read it is known from here on.
    let seen = writer.post("own", "seen").await.cursor.unwrap();
    told_until(&mut client, &seen).await;

    let no_reads = NoReads::take(server).await;
    for _ in 0..20 {
        writer.join("other", "bob").await;
        writer.part("other", "bob").await;
    }
    writer.append("own", "written", "b").await;
    let last = writer.post("own", "x").await.cursor.unwrap();
    let told = told_until(&mut client, &last).await;
    for resource in RESOURCES {
        let expected: &[&str] = match resource {
            "threads" => &["item.posted"],
            _ => &["item.delta b", "item.posted x"],
        };
        assert_eq!(told[resource], expected, "{resource}");
    }
    drop(no_reads);
}

/// Who takes part in a thread goes on while others join it and part from it, and whole resources
/// learn of what they lose and gain without reading the log.
#[tokio::test]
async fn who_stays_in_a_thread_stays_in_the_present() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("own", &["ann"]).await;
    writer.thread("gained", &[]).await;
    writer.thread("lost", &["ann"]).await;
    let mut client = Client::with_session(server, &session).await;
    subscribe_to_all(&mut client).await;
    let no_reads = NoReads::take(server).await;
    writer.join("own", "bob").await;
    writer.join("gained", "ann").await;
    writer.part("lost", "ann").await;
    writer.post("lost", "hidden").await;
    writer.post("gained", "shown").await;
    let last = writer.post("own", "x").await.cursor.unwrap();
    let told = told_until(&mut client, &last).await;
    for resource in RESOURCES {
        let expected: &[&str] = match resource {
            "threads/own" => &["thread.participant.added", "item.posted x"],
            "threads/own/items" => &["item.posted x"],
            "items" => &[
                "enter gained",
                "leave lost",
                "item.posted shown",
                "item.posted x",
            ],
            _ => &[
                "thread.participant.added",
                "enter gained",
                "leave lost",
                "item.posted",
                "item.posted",
            ],
        };
        assert_eq!(told[resource], expected, "{resource}");
    }
    drop(no_reads);
}

/// However often who may read a thread changes, its own readers get on.
#[tokio::test]
async fn a_thread_whose_people_never_rest_is_followed() {
    const POSTS: usize = 40;
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &["ann"]).await;
    let restless = async {
        loop {
            writer.join("t", "bob").await;
            writer.part("t", "bob").await;
        }
    };
    let followed = async {
        for number in 0..POSTS {
            writer.post("t", &number.to_string()).await;
        }
        let mut client = Client::with_session(server, &session).await;
        for (id, from) in [("now", json!(null)), ("all", json!("start"))] {
            let answer = client.subscribe(id, "threads/t/items", from).await;
            assert_ne!(answer["type"], "error", "{answer}");
        }
        let last = writer.post("t", "last").await.cursor.unwrap();
        let all = client.links_until("all", &last).await;
        let posted = all.iter().filter(|link| link["type"] == "event");
        assert_eq!(posted.count(), POSTS + 1);
    };
    tokio::select! {
        () = restless => {}
        () = followed => {}
    }
}
