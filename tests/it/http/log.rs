//! `GET /v1/log`: who may, what is found, and what is refused.

use everlog_domain::access::Scopes;
use serde_json::{Value, json};

use super::request::{Ask, Reply, fields};
use super::scenario::{denied, granted, play};
use super::world::World;

/// The offsets of an answer.
fn offsets(reply: &Reply) -> Vec<u64> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let events = reply.body["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["offset"].as_u64().unwrap())
        .collect()
}

async fn ask(world: &World, key: &str, query: &str) -> Reply {
    world
        .ask(Ask::get(format!("/v1/log{query}")).bearer(key))
        .await
}

/// A key of `one` that may do all, and what it did: offsets by name.
struct Written {
    key: String,
    /// The key's own id.
    id: String,
    head: u64,
}

async fn written(world: &World) -> Written {
    let made = world.make_key("one", Scopes::all(), None).await;
    let key = made.reveal();
    for thread in ["t", "u"] {
        world.thread(&key, json!({ "threadId": thread })).await;
        for text in ["a", "b"] {
            let body = json!({ "role": "user", "parts": [{ "type": "text", "text": text }] });
            let post = Ask::post(format!("/v1/threads/{thread}/items"), body).bearer(&key);
            assert_eq!(world.ask(post).await.status, 201);
        }
    }
    Written {
        key,
        id: made.key.to_string(),
        head: world.head(world.one).0,
    }
}

#[tokio::test]
async fn only_keys_with_the_scope_read_the_log() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let all_but: Vec<String> = Scopes::all().iter().map(str::to_owned).collect();
    let all_but: Vec<&str> = all_but.iter().map(String::as_str).collect();
    let all_but: Vec<&str> = all_but
        .into_iter()
        .filter(|scope| *scope != "log.read")
        .collect();
    let lacks = world.key("one", &all_but).await;
    let other = world.key("two", &["log.read"]).await;
    let reads = world.key("one", &["log.read"]).await;
    let scope = "general_unauthorized_scope";
    for (query, accept) in [
        ("", "*/*"),
        ("?from=nonsense", "*/*"),
        ("", "application/jsonl"),
        ("?tail=true", "text/event-stream"),
    ] {
        let log = || Ask::get(format!("/v1/log{query}")).header("accept", accept);
        let scenarios = vec![
            denied("a guest", log().project("one"), 401, scope),
            denied("a guest of the console", log(), 401, scope),
            denied("a user", log().session("one", &ann.session), 401, scope),
            denied("a key without the scope", log().bearer(&lacks), 401, scope),
            denied(
                "a key's name alone",
                log().bearer("standard_one~k~s"),
                401,
                "user_unauthorized",
            ),
            denied(
                "another project's key",
                log().bearer(&other).project("one"),
                401,
                "general_access_forbidden",
            ),
            denied(
                "a wrong key in Appwrite's header",
                log()
                    .project("one")
                    .header("x-appwrite-key", &reads.replace('~', "~0")),
                401,
                scope,
            ),
        ];
        play(&world, world.one, scenarios).await;
    }
    let scenarios = vec![
        granted(
            "the scope alone",
            Ask::get("/v1/log").bearer(&reads),
            200,
            &[],
        ),
        denied(
            "which reads nothing else",
            Ask::get("/v1/threads").bearer(&reads),
            401,
            scope,
        ),
        denied(
            "and writes nothing",
            Ask::post("/v1/log", json!({})).bearer(&reads),
            405,
            "general_not_implemented",
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_log_is_its_projects_and_shows_no_secrets() {
    let world = World::new().await;
    let Written { key, .. } = written(&world).await;
    let ann = world.person("one", "ann").await;
    let other = world.full_key("two").await;
    world.thread(&other, json!({ "threadId": "canary" })).await;
    let reply = ask(&world, &key, "").await;
    assert!(!reply.text.contains("canary"), "{}", reply.text);
    let events = reply.body["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["project"] == world.one.0));
    let stored = world.events(world.one, everlog_domain::ids::Offset(0));
    assert_eq!(events.len(), stored.len());
    let of = |kind: &str| {
        let found = events.iter().find(|event| event["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind}"))["event"].clone()
    };
    assert_eq!(of("user.created")["passwordHash"], "");
    for kind in ["key.created", "session.created"] {
        assert_eq!(of(kind)["secretHash"], "0".repeat(64), "{kind}");
    }
    let secret = key.rsplit_once('~').unwrap().1;
    assert!(!reply.text.contains(secret) && !reply.text.contains(&ann.session));
    let of_another = ask(&world, &other, "").await;
    assert!(of_another.text.contains("canary"));
    assert!(!of_another.text.contains("ann@example.com"));
}

#[tokio::test]
async fn the_log_is_found_by_its_filters() {
    let world = World::new().await;
    let Written { key, id, head } = written(&world).await;
    // the key's creation, then each thread and its two items
    assert_eq!(head, 7);
    let all: Vec<u64> = (1..=7).collect();
    for (query, expected) in [
        ("", &all[..]),
        ("?project=one", &all),
        ("?from=3", &all[2..]),
        ("?from=3&until=5", &[3, 4, 5]),
        ("?until=99", &all),
        ("?from=8", &[]),
        ("?from=now", &[]),
        ("?kind=item.posted", &[3, 4, 6, 7]),
        ("?kind=item.*&from=4", &[4, 6, 7]),
        ("?kind=key.created&kind=thread.*", &[1, 2, 5]),
        ("?kind=thread.deleted", &[]),
        ("?stream=thread/t", &[2, 3, 4]),
        ("?stream=thread/u&from=6&until=6", &[6]),
        ("?stream=thread/t&kind=thread.created", &[2]),
        ("?stream=thread/never", &[]),
        ("?stream=user/t", &[]),
        (&format!("?stream=key/{id}"), &[1]),
        ("?principal=system", &[1]),
        (&format!("?principal=key:{id}"), &all[1..]),
        (
            &format!("?principal=key:{id}&stream=thread/u&kind=item.*"),
            &[6, 7],
        ),
        ("?principal=guest", &[]),
        ("?cause=1", &[]),
    ] {
        let reply = ask(&world, &key, query).await;
        assert_eq!(offsets(&reply), expected, "{query}");
        assert_eq!(reply.body["next"], Value::Null, "{query}");
        assert_eq!(reply.header("x-everlog-offset"), Some("7"), "{query}");
    }
    let first = &ask(&world, &key, "?stream=thread/t&limit=1").await.body["events"][0];
    let mut expected = vec![
        "cause",
        "event",
        "idempotency",
        "incarnation",
        "key",
        "kind",
        "offset",
        "onBehalfOf",
        "payloadHash",
        "position",
        "previous",
        "principal",
        "project",
        "stream",
        "time",
        "uid",
        "version",
    ];
    expected.sort_unstable();
    assert_eq!(fields(first), expected);
    assert_eq!(first["stream"], "thread/t");
}

#[tokio::test]
async fn all_lives_of_an_entity_are_in_its_stream() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    for _ in 0..3 {
        world.thread(&key, json!({ "threadId": "t" })).await;
        let gone = world.ask(Ask::delete("/v1/threads/t").bearer(&key)).await;
        assert_eq!(gone.status, 204);
        world.thread(&key, json!({})).await;
    }
    let all = [2, 3, 5, 6, 8, 9];
    assert_eq!(offsets(&ask(&world, &key, "?stream=thread/t").await), all);
    for from in 1..=9 {
        let expected: Vec<u64> = all.into_iter().filter(|offset| *offset >= from).collect();
        let reply = ask(&world, &key, &format!("?stream=thread/t&from={from}")).await;
        assert_eq!(offsets(&reply), expected, "from {from}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap() {
    let world = World::new().await;
    let Written { key, head, .. } = written(&world).await;
    for (filter, expected) in [
        ("", (1..=head).collect::<Vec<u64>>()),
        ("&kind=item.*", vec![3, 4, 6, 7]),
        ("&stream=thread/u", vec![5, 6, 7]),
    ] {
        for limit in 1..=3 {
            let (mut seen, mut next) = (Vec::new(), Some(1));
            while let Some(from) = next {
                let query = format!("?limit={limit}&from={from}{filter}");
                let reply = ask(&world, &key, &query).await;
                let page = offsets(&reply);
                assert!(page.len() <= limit, "{query}");
                next = reply.body["next"].as_u64();
                assert!(next.is_none_or(|next| next > from), "{query}: {next:?}");
                seen.extend(page);
            }
            assert_eq!(seen, expected, "{limit} at once, {filter}");
        }
    }
}

#[tokio::test]
async fn what_does_not_read_is_refused() {
    let world = World::new().await;
    let key = world.key("one", &["log.read"]).await;
    let json = "application/json";
    let (events, lines) = ("text/event-stream", "application/jsonl");
    for (query, accept) in [
        ("?form=1", json),
        ("?Limit=1", json),
        ("?queries[]=x", json),
        ("?from=0", json),
        ("?from=-1", json),
        ("?from=%2B1", json),
        ("?from=", json),
        ("?from=18446744073709551616", json),
        ("?from=1&from=2", json),
        ("?until=x", json),
        ("?from=5&until=4", json),
        ("?limit=0", json),
        ("?limit=10001", json),
        ("?limit=1.5", json),
        ("?kind=item", json),
        ("?kind=*", json),
        ("?kind=", json),
        ("?kind=item.posted&kind=nothing.*", json),
        ("?stream=thread", json),
        ("?stream=thread/", json),
        ("?stream=row/x", json),
        ("?stream=thread/a%20b", json),
        ("?principal=mallory", json),
        ("?principal=user:", json),
        ("?cause=x", json),
        ("?tail=yes", lines),
        ("?tail=true", json),
        ("?tail=true&until=9", lines),
        ("?tail=true&limit=9", events),
        ("?limit=0", events),
    ] {
        let ask = Ask::get(format!("/v1/log{query}"))
            .bearer(&key)
            .header("accept", accept);
        let kind = "general_argument_invalid";
        play(&world, world.one, vec![denied(query, ask, 400, kind)]).await;
    }
    for (last, kind) in [
        ("x", "general_argument_invalid"),
        ("-1", "general_argument_invalid"),
        ("18446744073709551615", "general_argument_invalid"),
        ("99", "cursor_invalid"),
    ] {
        let ask = Ask::get("/v1/log").bearer(&key).header("accept", events);
        let ask = ask.header("last-event-id", last);
        play(&world, world.one, vec![denied(last, ask, 400, kind)]).await;
    }
}
