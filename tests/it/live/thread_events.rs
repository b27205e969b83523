//! `GET /v1/threads/{threadId}/events`: what a socket's subscription brings, as server-sent events.

use everlog_domain::access::Scopes;
use serde_json::{Value, json};

use super::client::{Client, told};
use super::schema::check_server_frame;
use super::world::{LISTED, Server, World, Writer};
use crate::http::event_stream::{Sent, Stream};

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn open(server: &Server, path: &str, headers: Headers<'_>) -> Stream {
    Stream::of(server.open("GET", path, headers, None).await)
}

async fn with_key(server: &Server, key: &str, path: &str) -> Stream {
    open(server, path, &[("authorization", &format!("Bearer {key}"))]).await
}

/// The frames of events, each held against the schema and against the one before it.
fn frames(events: &[Sent], mut reached: Option<String>) -> Vec<Value> {
    for Sent { id, event, data } in events {
        check_server_frame(data);
        if event == "failure" {
            assert_eq!((&data["type"], id), (&json!("error"), &None));
            continue;
        }
        assert_eq!(data["type"], *event);
        assert_eq!(data["cursor"].as_str(), id.as_deref());
        if data.get("prev").is_some() {
            assert_eq!(
                data["prev"].as_str(),
                reached.as_deref(),
                "a gap before {data}"
            );
        }
        reached.clone_from(id);
    }
    events.iter().map(|sent| sent.data.clone()).collect()
}

/// Denied with a status and a type, before anything is streamed.
async fn refused(server: &Server, path: &str, headers: Headers<'_>) -> (u16, String) {
    let answer = server.ask("GET", path, headers, None);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(30), answer).await;
    let answer = answer.unwrap_or_else(|_| panic!("{path} {headers:?} got a stream"));
    let kind = answer.body["type"].as_str().unwrap_or_default().to_owned();
    assert_eq!(answer.body["code"], answer.status, "{answer:?}");
    (answer.status, kind)
}

#[tokio::test]
async fn who_may_not_read_the_thread_gets_no_stream() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    writer.thread("t", &["ann"]).await;
    let cursor = writer.post("t", "x").await.cursor.unwrap();
    let other = server.full_key("two").await;
    let foreign = server
        .granted(&other, "POST", "/v1/threads", json!({ "threadId": "t2" }))
        .await;
    let foreign = foreign.cursor.unwrap();
    let lacks = server
        .key(
            "one",
            Scopes::parse(&["threads.write", "log.read"]).unwrap(),
        )
        .await;
    let bearer = |key: &str| format!("Bearer {key}");
    let (own, other, lacks) = (bearer(&writer.key), bearer(&other), bearer(&lacks.reveal()));
    let bad = own.replace('~', "~0");
    let project = ("x-appwrite-project", "one");
    let path = "/v1/threads/t/events";
    for (path, headers, status, kind) in [
        (path, &[project][..], 404, "thread_not_found"),
        (path, &[], 404, "thread_not_found"),
        (
            path,
            &[project, ("x-appwrite-session", &bob)],
            404,
            "thread_not_found",
        ),
        (path, &[("authorization", &bad)], 401, "user_unauthorized"),
        (
            path,
            &[("authorization", &lacks)],
            401,
            "general_unauthorized_scope",
        ),
        (path, &[("authorization", &other)], 404, "thread_not_found"),
        (
            path,
            &[("authorization", &other), project],
            401,
            "general_access_forbidden",
        ),
        (
            "/v1/threads/never/events",
            &[("authorization", &own)],
            404,
            "thread_not_found",
        ),
        (
            "/v1/threads/a%20b/events",
            &[("authorization", &own)],
            400,
            "general_argument_invalid",
        ),
        (
            "/v1/threads/t%2Fitems/events",
            &[("authorization", &own)],
            400,
            "general_argument_invalid",
        ),
        (
            "/v1/threads/t/events?from=x",
            &[("authorization", &own)],
            400,
            "live_cursor_invalid",
        ),
        (
            &format!("/v1/threads/t/events?from={foreign}"),
            &[("authorization", &own)],
            400,
            "live_cursor_invalid",
        ),
        (
            path,
            &[("authorization", &own), ("last-event-id", "7")],
            400,
            "live_cursor_invalid",
        ),
        (
            "/v1/threads/t/events?since=1",
            &[("authorization", &own)],
            400,
            "general_argument_invalid",
        ),
        (
            "/v1/threads/t/events?queries[]=x",
            &[("authorization", &own)],
            400,
            "general_query_invalid",
        ),
    ] {
        let expected = (status, kind.to_owned());
        assert_eq!(
            refused(server, path, headers).await,
            expected,
            "{path} {headers:?}"
        );
    }
    let session = [project, ("x-appwrite-session", ann.as_str())];
    let mut stream = open(server, &format!("{path}?from={cursor}"), &session).await;
    assert_eq!(stream.event().await.unwrap().event, "caughtUp");
    let watches = server.edge.node.hub().watches();
    assert_eq!(watches, 1, "who was refused watches nothing");
}

#[tokio::test]
async fn a_stream_is_no_answer_to_a_call() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut client = Client::with_key(server, &writer.key).await;
    for path in ["/v1/threads/t/events", "/v1/log?tail=true"] {
        client
            .send(json!({ "type": "call", "id": "c", "method": "GET", "path": path }))
            .await;
        let result = client.find("c", &["result"]).await;
        assert_eq!(result["status"], 400, "{path}: {result}");
    }
    client
        .send(json!({ "type": "call", "id": "c", "method": "GET", "path": "/v1/log?limit=1" }))
        .await;
    let result = client.find("c", &["result"]).await;
    assert_eq!(result["body"]["events"][0]["offset"], 1, "{result}");
}

#[tokio::test]
async fn pages_of_listed_origins_may_read_the_answer() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    writer.permit("t", &["read(\"any\")"]).await;
    for (origin, allowed) in [(LISTED, Some(LISTED)), ("https://evil.example.com", None)] {
        let headers = [("origin", origin)];
        let path = "/v1/threads/t/events?project=one";
        let response = server.open("GET", path, &headers, None).await;
        let header = response.headers().get("access-control-allow-origin");
        assert_eq!(header.map(|value| value.to_str().unwrap()), allowed);
        let mut stream = Stream::of(response);
        assert_eq!(stream.event().await.unwrap().event, "snapshot");
    }
}

#[tokio::test]
async fn it_brings_what_a_socket_brings() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    writer.post("t", "before").await;
    let limit = "%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B1%5D%7D";
    let path = format!("/v1/threads/t/events?queries[]={limit}");
    let mut now = with_key(server, &writer.key, &path).await;
    let mut past = with_key(server, &writer.key, "/v1/threads/t/events?from=start").await;
    let first = frames(&now.events(2).await, None);
    assert_eq!(
        (&first[0]["type"], &first[1]["type"]),
        (&json!("snapshot"), &json!("caughtUp"))
    );
    assert_eq!(first[0]["items"][0]["parts"][0]["text"], "before");
    let reached = first[1]["cursor"].as_str().map(str::to_owned);
    writer.open("t", "i", "a").await;
    writer.append("t", "i", "b").await;
    writer.finish("t", "i").await;
    writer.rename("t", "new").await;
    let changes = frames(&now.events(4).await, reached);
    assert_eq!(
        told(&changes),
        [
            "item.opened a",
            "item.delta b",
            "item.finished ab",
            "thread.updated"
        ]
    );
    let all = frames(&past.events(7).await, None);
    let mut socket = Client::with_key(server, &writer.key).await;
    socket
        .subscribe("events", "threads/t", json!("start"))
        .await;
    let expected = socket.past("events").await;
    let events: Vec<Value> = all
        .into_iter()
        .filter(|frame| frame["type"] == "event")
        .collect();
    let strip = |links: &[Value]| -> Vec<Value> {
        links.iter().map(|link| link["event"].clone()).collect()
    };
    assert_eq!(strip(&events), strip(&expected));
    writer.delete("t").await;
    let last = now.rest().await;
    assert_eq!(last.len(), 1, "a deleted thread ends it: {last:?}");
    assert_eq!(
        (last[0].event.as_str(), &last[0].data["ended"]),
        ("leave", &json!(true))
    );
}

#[tokio::test]
async fn a_client_that_comes_back_misses_nothing_over_restarts() {
    let mut world = World::new().await;
    let key = world.server.full_key("one").await;
    let (mut seen, mut last): (Vec<Value>, Option<String>) = (Vec::new(), None);
    for round in 0..4 {
        let writer = Writer {
            server: &world.server,
            key: key.clone(),
        };
        if round == 0 {
            writer.thread("t", &[]).await;
        }
        for number in 0..10 {
            writer.post("t", &format!("{round}.{number}")).await;
        }
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(last) = &last {
            headers.push(("last-event-id", last));
        }
        // the address stays what it was: the header is newer
        let mut stream = open(&world.server, "/v1/threads/t/events?from=start", &headers).await;
        let events = stream.events(7 + round).await;
        seen.extend(frames(&events, last));
        last = events.last().and_then(|sent| sent.id.clone());
        drop(stream);
        world = world.restart().await;
    }
    let texts: Vec<String> = told(&seen).split_off(1);
    let expected: Vec<String> = (0..4)
        .flat_map(|round| (0..10).map(move |number| format!("item.posted {round}.{number}")))
        .collect();
    assert_eq!(texts, expected[..texts.len()]);
    assert_eq!(texts.len(), 7 + 8 + 9 + 10 - 1);
}

#[tokio::test]
async fn a_revocation_ends_it_and_says_why() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    let revoked = server.key("one", Scopes::all()).await;
    writer.thread("t", &["ann"]).await;
    let path = "/v1/threads/t/events";
    let headers = [
        ("x-appwrite-project", "one"),
        ("x-appwrite-session", session.as_str()),
    ];
    let mut by_key = with_key(server, &revoked.reveal(), path).await;
    let mut by_session = open(server, path, &headers).await;
    let mut stays = with_key(server, &writer.key, path).await;
    for stream in [&mut by_key, &mut by_session, &mut stays] {
        stream.events(2).await;
    }
    server.revoke_key("one", revoked.key).await;
    let gone = server
        .ask("DELETE", "/v1/account/sessions/current", &headers, None)
        .await;
    assert_eq!(gone.status, 204);
    for stream in [&mut by_key, &mut by_session] {
        let last = stream.rest().await;
        assert_eq!(last.len(), 1, "{last:?}");
        assert_eq!(last[0].event, "failure");
        assert_eq!(last[0].data["errorType"], "user_unauthorized");
        frames(&last, None);
    }
    writer.post("t", "x").await;
    assert_eq!(stays.event().await.unwrap().event, "event");
}

#[tokio::test]
async fn a_lost_right_ends_it_with_a_leave() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    let session = server.person("ann").await;
    writer.thread("t", &["ann"]).await;
    let headers = [
        ("x-appwrite-project", "one"),
        ("x-appwrite-session", session.as_str()),
    ];
    let mut stream = open(server, "/v1/threads/t/events", &headers).await;
    stream.events(2).await;
    writer.part("t", "ann").await;
    writer.post("t", "canary").await;
    let last = stream.rest().await;
    assert_eq!(last.len(), 1, "{last:?}");
    assert_eq!(
        (last[0].event.as_str(), &last[0].data["ended"]),
        ("leave", &json!(true))
    );
}

#[tokio::test]
async fn a_stop_ends_it() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut stream = with_key(server, &writer.key, "/v1/threads/t/events").await;
    stream.events(2).await;
    server.say_stop();
    assert_eq!(stream.rest().await, []);
    server.edge.stopping.tasks.wait().await;
}

/// More than a ring holds, so that they fall out of it.
const POSTS: usize = 700;

#[tokio::test]
async fn a_reader_that_does_not_read_catches_up_from_the_log() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &[]).await;
    let mut stalled = with_key(server, &writer.key, "/v1/threads/t/events").await;
    for number in 0..POSTS {
        writer.post("t", &number.to_string()).await;
    }
    let hub = server.edge.node.hub();
    assert!(hub.bytes() <= 1024 * 1024, "{} bytes", hub.bytes());
    let seen = frames(&stalled.events(2 + POSTS).await, None).split_off(2);
    let expected: Vec<String> = (0..POSTS)
        .map(|number| format!("item.posted {number}"))
        .collect();
    assert_eq!(told(&seen), expected);
    drop(stalled);
    server.edge.stopping.tasks.close();
    server.edge.stopping.tasks.wait().await;
    assert_eq!(
        (hub.rings(), hub.watches()),
        (0, 0),
        "who has left watches nothing"
    );
}
