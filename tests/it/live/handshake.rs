//! Who gets a socket, and how it begins and ends.

use everlog_domain::access::Scopes;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Client, Closed};
use super::world::{LISTED, Server, World, Writer};

const PIPE: usize = 64 * 1024;

async fn refused(server: &Server, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    match Client::connect(server, path, headers, PIPE).await {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            (
                response.status().as_u16(),
                body["type"].as_str().unwrap_or_default().to_owned(),
            )
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{path} {headers:?} got a socket"),
    }
}

#[tokio::test]
async fn credentials_and_origins_are_refused_before_the_upgrade() {
    let world = World::new().await;
    let server = &world.server;
    let key = server.full_key("one").await;
    let (bearer, bad) = (
        format!("Bearer {key}"),
        format!("Bearer {}", key.replace('~', "~0")),
    );
    for (path, headers, status, kind) in [
        (
            "/v1/live",
            &[("authorization", "Bearer nonsense")][..],
            401,
            "user_unauthorized",
        ),
        (
            "/v1/live",
            &[("authorization", &bad)],
            401,
            "user_unauthorized",
        ),
        (
            "/v1/live?project=two",
            &[("authorization", &bearer)],
            401,
            "general_access_forbidden",
        ),
        ("/v1/live?project=never", &[], 404, "project_not_found"),
        (
            "/v1/live",
            &[
                ("authorization", &bearer),
                ("origin", "https://evil.example.com"),
            ],
            403,
            "general_unknown_origin",
        ),
        (
            "/v1/live?project=one",
            &[("origin", "null")],
            403,
            "general_unknown_origin",
        ),
        (
            "/v1/live?project=one",
            &[("sec-fetch-site", "cross-site")],
            403,
            "general_unknown_origin",
        ),
    ] {
        let found = refused(server, path, headers).await;
        assert_eq!(found, (status, kind.to_owned()), "{path} {headers:?}");
    }
}

#[tokio::test]
async fn requests_that_are_no_upgrade_are_refused() {
    let world = World::new().await;
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let version = ("sec-websocket-version", "13");
    let upgrade = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
    ];
    for headers in [
        vec![],
        vec![("connection", "Upgrade"), version, key],
        vec![upgrade[0], upgrade[1], key],
        vec![upgrade[0], upgrade[1], key, ("sec-websocket-version", "8")],
        vec![upgrade[0], upgrade[1], version],
        // Nothing to upgrade: the request did not come over a connection.
        vec![upgrade[0], upgrade[1], version, key],
    ] {
        let answer = world
            .server
            .ask("GET", "/v1/live?project=one", &headers, None)
            .await;
        assert_eq!(answer.status, 400, "{headers:?}: {answer:?}");
        assert_eq!(answer.body["type"], "general_argument_invalid");
    }
}

#[tokio::test]
async fn the_greeting_says_who_the_caller_is() {
    let world = World::new().await;
    let server = &world.server;
    let key = server.key("one", Scopes::all()).await;
    let session = server.person("ann").await;
    let bearer = format!("Bearer {}", key.reveal());
    let header = key.reveal();
    let cookie = format!("a_session_one={session}");
    let own = ("origin", "http://api.example.com");
    let as_key = format!("key:{}", key.key);
    for (path, headers, principal) in [
        (
            "/v1/live",
            &[("authorization", bearer.as_str())][..],
            as_key.as_str(),
        ),
        ("/v1/live", &[("x-appwrite-key", &header)], &as_key),
        ("/p/one/v1/live", &[("authorization", &bearer)], &as_key),
        (
            "/v1/live?project=one",
            &[("cookie", &cookie), own],
            "user:ann",
        ),
        (
            "/v1/live?project=one",
            &[("cookie", &cookie), ("origin", LISTED)],
            "user:ann",
        ),
        (
            "/v1/live",
            &[
                ("x-appwrite-project", "one"),
                ("x-appwrite-session", &session),
            ],
            "user:ann",
        ),
        ("/p/one/v1/live", &[("cookie", &cookie)], "user:ann"),
        ("/v1/live?project=one", &[], "guest"),
        // Another project's cookie is nobody's.
        ("/v1/live?project=two", &[("cookie", &cookie)], "guest"),
    ] {
        let mut client = Client::connect(server, path, headers, PIPE).await.unwrap();
        let project = if path.ends_with("two") { "two" } else { "one" };
        let greeting = json!({ "type": "connected", "project": project, "principal": principal });
        assert_eq!(client.next().await, greeting, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn a_browser_names_itself_in_a_frame() {
    let world = World::new().await;
    let server = &world.server;
    let writer = Writer::new(server).await;
    writer.thread("t", &["ann"]).await;
    let session = server.person("ann").await;

    let mut client = Client::connect(server, "/v1/live?project=one", &[], PIPE)
        .await
        .unwrap();
    assert_eq!(client.next().await["principal"], "guest");
    client
        .send(json!({ "type": "authenticate", "session": session }))
        .await;
    assert_eq!(client.next().await["principal"], "user:ann");
    let snapshot = client.subscribe("a", "threads/t", json!(null)).await;
    assert_eq!(snapshot["thread"]["$id"], "t");

    let mut client = Client::connect(server, "/v1/live", &[], PIPE)
        .await
        .unwrap();
    assert_eq!(client.next().await["project"], "console");
    client
        .send(json!({ "type": "authenticate", "key": writer.key }))
        .await;
    assert_eq!(client.next().await["project"], "one");
    let snapshot = client.subscribe("a", "threads/t", json!(null)).await;
    assert_eq!(snapshot["thread"]["$id"], "t");
}

#[tokio::test]
async fn a_frame_that_proves_nothing_ends_the_socket() {
    let world = World::new().await;
    let server = &world.server;
    let key = server.full_key("one").await;
    let foreign = server.full_key("two").await;
    let (rest, last) = key.split_at(key.len() - 1);
    let altered = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    for frame in [
        json!({ "type": "authenticate", "session": "nonsense" }),
        json!({ "type": "authenticate", "session": "eyJpZCI6ImFubiIsInNlY3JldCI6IngifQ==" }),
        json!({ "type": "authenticate", "key": "nonsense" }),
        json!({ "type": "authenticate", "key": foreign, "project": "one" }),
        json!({ "type": "authenticate", "key": altered }),
        json!({ "type": "authenticate", "session": "x", "project": "never" }),
    ] {
        let mut client = Client::connect(server, "/v1/live?project=one", &[], PIPE)
            .await
            .unwrap();
        client.next().await;
        client.send(frame.clone()).await;
        assert_eq!(client.next().await["type"], "error", "{frame}");
        assert_eq!(client.closed().await, Closed { code: 4401 }, "{frame}");
    }
}

#[tokio::test]
async fn who_is_known_or_has_asked_cannot_become_somebody_else() {
    let world = World::new().await;
    let server = &world.server;
    let key = server.full_key("one").await;
    let mut known = Client::with_key(server, &key).await;
    let mut asked = Client::connect(server, "/v1/live?project=one", &[], PIPE)
        .await
        .unwrap();
    asked.next().await;
    asked.subscribe("a", "threads", json!(null)).await;
    for client in [&mut known, &mut asked] {
        client
            .send(json!({ "type": "authenticate", "key": key }))
            .await;
        assert_eq!(client.closed().await, Closed { code: 1008 });
    }
}

#[tokio::test]
async fn a_stop_asks_clients_to_come_back() {
    let world = World::new().await;
    let key = world.server.full_key("one").await;
    let mut client = Client::with_key(&world.server, &key).await;
    client.subscribe("a", "threads", json!(null)).await;
    world.server.say_stop();
    assert_eq!(client.closed().await, Closed { code: 1001 });
}

#[tokio::test]
async fn a_goodbye_is_answered() {
    let world = World::new().await;
    let key = world.server.full_key("one").await;
    let mut client = Client::with_key(&world.server, &key).await;
    client.send_raw(Message::Close(None)).await;
    assert_eq!(client.closed().await, Closed { code: 1005 });
}
