//! The log as a stream: forms, live tails, and how they end.

use everlog_domain::access::Scopes;
use serde_json::{Value, json};

use super::event_stream::{Sent, Stream};
use super::request::Ask;
use super::world::World;

const LINES: &str = "application/jsonl";
const EVENTS: &str = "text/event-stream";

fn log(key: &str, query: &str, accept: &str) -> Ask {
    Ask::get(format!("/v1/log{query}"))
        .bearer(key)
        .header("accept", accept)
}

async fn open(world: &World, ask: Ask) -> Stream {
    Stream::of(world.open(ask).await)
}

async fn post(world: &World, key: &str, thread: &str) {
    let body = json!({ "role": "user", "parts": [{ "type": "text", "text": "x" }] });
    let post = Ask::post(format!("/v1/threads/{thread}/items"), body).bearer(key);
    assert_eq!(world.ask(post).await.status, 201);
}

fn ids(events: &[Sent]) -> Vec<u64> {
    let id = |sent: &Sent| sent.id.as_ref().unwrap().parse().unwrap();
    events.iter().map(id).collect()
}

#[tokio::test]
async fn every_form_shows_the_same_events() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    for _ in 0..20 {
        post(&world, &key, "t").await;
    }
    let page = world.ask(log(&key, "", "*/*")).await;
    let expected = page.body["events"].as_array().unwrap().clone();
    assert_eq!(expected.len(), 22);
    for accept in [LINES, "application/x-ndjson"] {
        let response = world.open(log(&key, "", accept)).await;
        assert_eq!(response.headers()["content-type"], accept);
        let mut lines = Stream::of(response);
        for event in &expected {
            assert_eq!(lines.line().await.as_ref(), Some(event));
        }
        assert_eq!(lines.line().await, None);
    }
    let response = world.open(log(&key, "", EVENTS)).await;
    assert_eq!(response.headers()["content-type"], EVENTS);
    let sent = Stream::of(response).rest().await;
    let expected: Vec<Sent> = expected
        .iter()
        .map(|event| Sent {
            id: Some(event["offset"].to_string()),
            event: event["kind"].as_str().unwrap().to_owned(),
            data: event.clone(),
        })
        .collect();
    assert_eq!(sent, expected);
    let mut some = open(&world, log(&key, "?from=5&limit=3", EVENTS)).await;
    assert_eq!(ids(&some.rest().await), [5, 6, 7]);
}

#[tokio::test]
async fn a_tail_sees_what_comes_after_it_began() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    for thread in ["t", "u"] {
        world.thread(&key, json!({ "threadId": thread })).await;
    }
    let mut all = open(&world, log(&key, "?tail=true", EVENTS)).await;
    let mut new = open(&world, log(&key, "?tail=true&from=now", EVENTS)).await;
    let mut own = open(&world, log(&key, "?tail=true&stream=thread/u", EVENTS)).await;
    let mut posts = open(&world, log(&key, "?tail=true&kind=item.*", LINES)).await;
    assert_eq!(ids(&all.events(3).await), [1, 2, 3]);
    assert_eq!(ids(&own.events(1).await), [3]);
    post(&world, &key, "t").await;
    post(&world, &key, "u").await;
    assert_eq!(ids(&all.events(2).await), [4, 5]);
    assert_eq!(ids(&new.events(2).await), [4, 5]);
    assert_eq!(ids(&own.events(1).await), [5]);
    for offset in [4, 5] {
        assert_eq!(posts.line().await.unwrap()["offset"], offset);
    }
    // a life that begins later is of the same stream
    let gone = world.ask(Ask::delete("/v1/threads/u").bearer(&key)).await;
    assert_eq!(gone.status, 204);
    world.thread(&key, json!({ "threadId": "u" })).await;
    assert_eq!(ids(&own.events(2).await), [6, 7]);
}

#[tokio::test]
async fn a_client_that_comes_back_misses_nothing() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let (mut seen, mut last) = (Vec::new(), None::<String>);
    for round in 0..5 {
        for _ in 0..3 {
            post(&world, &key, "t").await;
        }
        let mut ask = log(&key, "?tail=true", EVENTS);
        if let Some(last) = &last {
            ask = ask.header("last-event-id", last);
        }
        let events = open(&world, ask).await.events(2 + round % 3).await;
        last = events.last().and_then(|event| event.id.clone());
        seen.extend(ids(&events));
    }
    let expected: Vec<u64> = (1..=seen.len() as u64).collect();
    assert_eq!(seen, expected);
}

/// What a stream says last: the type of its error.
fn failure(last: &Value) -> &str {
    last["error"]["type"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams_and_no_others() {
    let world = World::new().await;
    let revoked = world.make_key("one", Scopes::all(), None).await;
    let (key, kept) = (revoked.reveal(), world.full_key("one").await);
    world.thread(&kept, json!({ "threadId": "t" })).await;
    let mut events = open(&world, log(&key, "?tail=true", EVENTS)).await;
    let mut lines = open(&world, log(&key, "?tail=true", LINES)).await;
    // nothing of it was read when the key went
    let mut unread = open(&world, log(&key, "", EVENTS)).await;
    let mut stays = open(&world, log(&kept, "?tail=true", EVENTS)).await;
    let head = world.head(world.one).0;
    events.events(3).await;
    for _ in 0..head {
        lines.line().await.unwrap();
    }
    world.revoke_key("one", revoked.key).await;
    for last in [
        events.rest().await.pop().unwrap(),
        unread.rest().await.pop().unwrap(),
    ] {
        assert_eq!(last.event, "failure");
        assert_eq!(last.id, None);
        assert_eq!(failure(&last.data), "user_unauthorized", "{last:?}");
    }
    assert_eq!(failure(&lines.line().await.unwrap()), "user_unauthorized");
    assert_eq!(lines.line().await, None);
    post(&world, &kept, "t").await;
    let last = stays
        .events(usize::try_from(head).unwrap() + 2)
        .await
        .pop()
        .unwrap();
    assert_eq!(last.event, "item.posted");
}

#[tokio::test]
async fn a_stop_ends_streams_and_says_so() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let mut tail = open(&world, log(&key, "?tail=true", LINES)).await;
    tail.line().await.unwrap();
    world.edge.stopping.begun.cancel();
    assert_eq!(failure(&tail.line().await.unwrap()), "server_stopping");
    assert_eq!(tail.line().await, None);
}

/// A hundred streams that nobody reads hold nothing back and keep nothing but a page.
#[tokio::test]
async fn streams_that_nobody_reads_cost_nobody_anything() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    let mut stalled = Vec::new();
    for _ in 0..100 {
        stalled.push(open(&world, log(&key, "?tail=true", EVENTS)).await);
    }
    for _ in 0..600 {
        post(&world, &key, "t").await;
    }
    let hub = world.edge.node.hub();
    assert_eq!(hub.rings(), 1, "whoever watches the same shares a ring");
    assert!(hub.bytes() <= 1024 * 1024, "{} bytes", hub.bytes());
    let expected: Vec<u64> = (1..=602).collect();
    for stream in &mut stalled {
        assert_eq!(ids(&stream.events(602).await), expected);
    }
    drop(stalled);
    assert_eq!((hub.rings(), hub.watches()), (0, 0));
}

#[tokio::test]
async fn streams_of_a_project_are_bounded_and_give_their_places_back() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let other = world.full_key("two").await;
    let mut open = Vec::new();
    let refused = loop {
        let response = world.open(log(&key, "?tail=true", EVENTS)).await;
        if response.status() != 200 {
            break response;
        }
        open.push(response);
        assert!(open.len() <= 128, "they are bounded");
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(
        world.ask(log(&key, "", "*/*")).await.status,
        200,
        "a page needs no place"
    );
    assert_eq!(
        world.open(log(&other, "?tail=true", EVENTS)).await.status(),
        200
    );
    open.pop();
    assert_eq!(world.open(log(&key, "", LINES)).await.status(), 200);
}

#[tokio::test]
async fn a_filter_that_nothing_passes_comes_to_its_end() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    world.thread(&key, json!({ "threadId": "t" })).await;
    // more than a page looks at
    for _ in 0..600 {
        post(&world, &key, "t").await;
    }
    for query in [
        "?kind=user.created",
        "?principal=guest",
        "?principal=guest&stream=thread/t",
    ] {
        let mut lines = open(&world, log(&key, query, LINES)).await;
        assert_eq!(lines.line().await, None, "{query}");
        let page = world.ask(log(&key, query, "*/*")).await;
        assert_eq!(page.body, json!({ "events": [], "next": null }), "{query}");
    }
}
