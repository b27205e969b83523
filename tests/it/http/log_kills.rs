//! A live tail over servers that are killed with -9: each event comes once, in order.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::binary::client;
use super::event_stream::{Sent, parse};
use crate::crash::server::{Announcement, Server};

/// Far longer than anything takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows the log from the event that came last, until so many more have come.
async fn follow(server: &Announcement, path: &str, last: Option<&str>, count: usize) -> Vec<Sent> {
    let request = client()
        .get(format!("{}{path}", server.endpoint))
        .bearer_auth(&server.key)
        .header("accept", "text/event-stream");
    let request = match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    };
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (mut text, mut seen) = (String::new(), Vec::new());
    while seen.len() < count {
        let chunk = timeout(PATIENCE, response.chunk())
            .await
            .expect("an event in time");
        text.push_str(std::str::from_utf8(&chunk.unwrap().expect("more")).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            seen.extend(parse(block));
            text = rest.to_owned();
        }
    }
    seen.truncate(count);
    seen
}

async fn post(server: &Announcement, path: &str, body: serde_json::Value) {
    let request = client().post(format!("{}{path}", server.endpoint));
    let made = request.bearer_auth(&server.key).json(&body).send().await;
    assert_eq!(made.unwrap().status(), 201);
}

#[tokio::test]
async fn across_kills_every_event_comes_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let paths = ["/log?tail=true", "/threads/t/events?from=start"];
    let mut seen: [Vec<Sent>; 2] = Default::default();
    for round in 0..4 {
        let server = Server::start_at(&data, "127.0.0.1:0").unwrap();
        let announced = server.announcement.clone();
        if round == 0 {
            post(&announced, "/threads", json!({ "threadId": "t" })).await;
        }
        for number in 0..4 {
            let text = format!("{round}.{number}");
            let body = json!({ "role": "user", "parts": [{ "type": "text", "text": text }] });
            post(&announced, "/threads/t/items", body).await;
        }
        for (path, seen) in paths.iter().zip(&mut seen) {
            let last = seen.last().and_then(|sent| sent.id.clone());
            seen.extend(follow(&announced, path, last.as_deref(), 3).await);
        }
        server.kill();
    }
    let [log, thread] = seen;
    let offsets: Vec<&str> = log.iter().filter_map(|sent| sent.id.as_deref()).collect();
    let expected: Vec<String> = (1..=12).map(|offset| offset.to_string()).collect();
    assert_eq!(offsets, expected);
    let texts: Vec<&str> = thread
        .iter()
        .filter(|sent| sent.event == "event")
        .filter_map(|sent| sent.data["event"]["item"]["parts"][0]["text"].as_str())
        .collect();
    let all: Vec<String> = (0..4)
        .flat_map(|round| (0..4).map(move |number| format!("{round}.{number}")))
        .collect();
    // the first event is the thread's creation, and it is never caught up with
    assert_eq!(texts, all[..11]);
}
