//! `/v1/account/sessions`.

use everlog_domain::time::Time;
use serde_json::json;

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

fn sign_in(email: &str, password: &str) -> Ask {
    let body = json!({ "email": email, "password": password });
    Ask::post("/v1/account/sessions/email", body).project("one")
}

#[tokio::test]
async fn wrong_credentials_are_one_answer() {
    let world = World::new().await;
    world.person("one", "ann").await;
    let wrong = "user_invalid_credentials";
    let invalid = "general_argument_invalid";
    let bodiless = Ask::new("POST", "/v1/account/sessions/email").project("one");
    let elsewhere = json!({ "email": "ann@example.com", "password": "correct horse" });
    let elsewhere = Ask::post("/v1/account/sessions/email", elsewhere).project("two");
    let scenarios = vec![
        denied(
            "a wrong password",
            sign_in("ann@example.com", "wrong horse"),
            401,
            wrong,
        ),
        denied(
            "nobody's address",
            sign_in("bob@example.com", "correct horse"),
            401,
            wrong,
        ),
        denied("another project", elsewhere, 401, wrong),
        denied("no address", sign_in("ann", "correct horse"), 400, invalid),
        denied(
            "too short",
            sign_in("ann@example.com", "short"),
            400,
            invalid,
        ),
        denied("no body", bodiless, 400, invalid),
        denied(
            "with a name for the wish: the secret would be shown twice",
            sign_in("ann@example.com", "correct horse").named("once"),
            400,
            invalid,
        ),
        granted(
            "the right one, in capitals",
            sign_in("ANN@example.com", "correct horse"),
            201,
            &["session.created"],
        ),
    ];
    play(&world, world.one, scenarios).await;
    let texts = [
        sign_in("ann@example.com", "wrong horse"),
        sign_in("bob@example.com", "wrong horse"),
    ];
    let [known, unknown] = texts.map(|ask| world.ask(ask));
    assert_eq!(known.await.body, unknown.await.body);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let world = World::new().await;
    world.person("one", "ann").await;
    for _ in 0..10 {
        let reply = world.ask(sign_in("ann@example.com", "wrong horse")).await;
        assert_eq!(reply.kind(), "user_invalid_credentials");
    }
    let limited = world.ask(sign_in("ann@example.com", "correct horse")).await;
    assert_eq!(
        (limited.status, limited.kind()),
        (429, "general_rate_limit_exceeded")
    );
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=360).contains(&wait), "{wait}");
    // a project's own server signs its users in from one address, and is bound by its key alone
    let key = world.full_key("one").await;
    let body = json!({ "email": "ann@example.com", "password": "correct horse" });
    let ask = Ask::post("/v1/account/sessions/email", body).bearer(&key);
    assert_eq!(world.ask(ask).await.status, 201);
}

#[tokio::test]
async fn a_session_has_appwrites_form_and_its_secret_is_blank() {
    let world = World::new().await;
    world.person("one", "ann").await;
    let ask = sign_in("ann@example.com", "correct horse").header("user-agent", "test");
    let made = world.ask(ask).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["secret"], "");
    assert_eq!(made.body["current"], true);
    assert_eq!(made.body["provider"], "email");
    assert_eq!(made.body["userId"], "ann");
    assert_eq!(made.body.as_object().unwrap().len(), 29);
    let lines: Vec<&str> = made
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    let [main, legacy] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert!(main.starts_with("a_session_one=") && main.ends_with("; HttpOnly; SameSite=None"));
    assert!(legacy.starts_with("a_session_one_legacy=") && legacy.ends_with("; HttpOnly"));
    assert_eq!(made.header("x-fallback-cookies"), None);

    let from_page = sign_in("ann@example.com", "correct horse");
    let from_page = world
        .ask(from_page.header("origin", "https://app.example.com"))
        .await;
    let own_page = sign_in("ann@example.com", "correct horse");
    let own_page = world
        .ask(own_page.header("origin", "https://api.example.com"))
        .await;
    assert_eq!(own_page.header("x-fallback-cookies"), None);
    // the listed page is on another host, whose browser may keep no cookie of ours
    let fallback = from_page.header("x-fallback-cookies").unwrap();
    let read = Ask::get("/v1/account")
        .project("one")
        .header("x-fallback-cookies", fallback);
    assert_eq!(world.ask(read).await.body["$id"], "ann");

    let key = world.full_key("one").await;
    let body = json!({ "email": "ann@example.com", "password": "correct horse" });
    let by_key = world
        .ask(Ask::post("/v1/account/sessions/email", body).bearer(&key))
        .await;
    assert_eq!(by_key.body["secret"].as_str().unwrap().len(), 256);
}

#[tokio::test]
async fn each_sign_in_makes_another_session() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let planted =
        sign_in("ann@example.com", "correct horse").header("x-appwrite-session", &ann.session);
    let made = world.ask(planted).await;
    assert_ne!(made.cookie("a_session_one").unwrap(), ann.session);
}

#[tokio::test]
async fn sessions_are_read_and_ended_by_their_owner_alone() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let bob = world.person("one", "bob").await;
    let current = Ask::get("/v1/account/sessions/current").session("one", &ann.session);
    let id = world.ask(current.clone()).await.id();
    let own = format!("/v1/account/sessions/{id}");
    let missing = "user_session_not_found";
    let scope = "general_unauthorized_scope";
    let key = world.full_key("one").await;
    let scenarios = vec![
        denied("a guest", Ask::delete(&own).project("one"), 401, scope),
        denied("a key", Ask::delete(&own).bearer(&key), 401, scope),
        denied(
            "another user reads",
            Ask::get(&own).session("one", &bob.session),
            404,
            missing,
        ),
        denied(
            "another user ends",
            Ask::delete(&own).session("one", &bob.session),
            404,
            missing,
        ),
        denied(
            "in another project",
            Ask::delete(&own).session("two", &ann.session),
            401,
            scope,
        ),
        granted("its owner reads", current.clone(), 200, &[]),
        granted(
            "its owner ends it",
            Ask::delete("/v1/account/sessions/current").session("one", &ann.session),
            204,
            &["session.deleted"],
        ),
        denied("and it is over", current, 401, scope),
        granted(
            "for her alone",
            Ask::get("/v1/account").session("one", &bob.session),
            200,
            &[],
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn the_oldest_of_eleven_sessions_gives_way() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    for _ in 0..10 {
        world
            .sign_in("one", "ann@example.com", "correct horse")
            .await;
    }
    let oldest = world
        .ask(Ask::get("/v1/account").session("one", &ann.session))
        .await;
    assert_eq!(oldest.status, 401);
}

#[tokio::test]
async fn an_expired_session_is_a_guest() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let account = |session: &str| Ask::get("/v1/account").session("one", session);
    let expired = world.session_until("one", &ann.id, Time(1)).await;
    let living = world.session_until("one", &ann.id, Time(i64::MAX)).await;
    let swapped = world.session_of_another("one", &ann.id, "bob").await;
    let scope = "general_unauthorized_scope";
    let scenarios = vec![
        denied("expired", account(&expired), 401, scope),
        denied(
            "another's id beside the secret",
            account(&swapped),
            401,
            scope,
        ),
        granted("living", account(&living), 200, &[]),
    ];
    play(&world, world.one, scenarios).await;
}
