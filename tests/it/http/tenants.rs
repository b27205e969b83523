//! Nothing of one project is seen in another.

use serde_json::json;

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

const CANARY: &str = "canary-7f3a";

#[tokio::test]
async fn a_credential_of_one_project_is_worth_nothing_in_another() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let ann = world.person("one", "ann").await;
    let forbidden = "general_access_forbidden";
    let list = || Ask::get("/v1/threads");
    let scenarios = vec![
        denied(
            "a key beside another project's header",
            list().bearer(&key).project("two"),
            401,
            forbidden,
        ),
        denied(
            "beside its query",
            Ask::get("/v1/threads?project=two").bearer(&key),
            401,
            forbidden,
        ),
        denied(
            "in its path",
            Ask::get("/p/two/v1/threads").bearer(&key),
            401,
            forbidden,
        ),
        denied(
            "in Appwrite's header",
            list().header("x-appwrite-key", &key).project("two"),
            401,
            forbidden,
        ),
        denied(
            "path against header",
            Ask::get("/p/two/v1/threads").project("one"),
            401,
            forbidden,
        ),
        denied(
            "a session elsewhere",
            Ask::get("/v1/account").session("two", &ann.session),
            401,
            "general_unauthorized_scope",
        ),
        denied(
            "no such project",
            list().project("three"),
            404,
            "project_not_found",
        ),
        granted(
            "its own path",
            Ask::get("/p/one/v1/threads").bearer(&key),
            200,
            &[],
        ),
        granted(
            "its own header",
            list().bearer(&key).project("one"),
            200,
            &[],
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_canary_of_one_project_never_sings_in_another() {
    let world = World::new().await;
    let (one, two) = (world.full_key("one").await, world.full_key("two").await);
    let body = json!({ "threadId": CANARY, "name": CANARY, "metadata": { CANARY: CANARY } });
    world.thread(&one, body).await;
    let item =
        json!({ "itemId": CANARY, "role": "user", "parts": [{ "type": "text", "text": CANARY }] });
    let posted = world
        .ask(Ask::post(format!("/v1/threads/{CANARY}/items"), item).bearer(&one))
        .await;
    assert_eq!(posted.status, 201);
    let person = world.person("one", CANARY).await;
    let cursor = posted.header("x-everlog-cursor").unwrap().to_owned();
    world.thread(&two, json!({ "threadId": "own" })).await;
    let asks = [
        Ask::get("/v1/threads"),
        Ask::get("/v1/threads/own"),
        Ask::get("/v1/threads/own/items"),
        Ask::get(format!("/v1/threads?minOffset={cursor}")),
        Ask::get("/v1/threads").queries(&[json!({ "method": "cursorAfter", "values": [CANARY] })]),
        Ask::get("/v1/account"),
    ];
    for ask in asks {
        let reply = world.ask(ask.bearer(&two)).await;
        assert!(!reply.text.contains(CANARY), "{}", reply.text);
        assert!(
            reply
                .headers
                .values()
                .all(|value| !value.to_str().unwrap_or("").contains(CANARY))
        );
    }
    // ids of one project mean nothing in the other
    let not_found = "thread_not_found";
    let at = |rest: &str| format!("/v1/threads/{CANARY}{rest}");
    let scenarios = vec![
        denied("its thread", Ask::get(at("")).bearer(&two), 404, not_found),
        denied(
            "its items",
            Ask::get(at("/items")).bearer(&two),
            404,
            not_found,
        ),
        denied(
            "its item",
            Ask::get(at(&format!("/items/{CANARY}"))).bearer(&two),
            404,
            not_found,
        ),
        denied(
            "posting",
            Ask::post(at("/items"), json!({ "role": "user" })).bearer(&two),
            404,
            not_found,
        ),
        denied("deleting", Ask::delete(at("")).bearer(&two), 404, not_found),
        denied(
            "its cursor",
            Ask::get(format!("/v1/threads?minOffset={cursor}")).bearer(&two),
            400,
            "cursor_invalid",
        ),
    ];
    play(&world, world.one, scenarios).await;
    // the same id is free there
    world.thread(&two, json!({ "threadId": CANARY })).await;
    assert_eq!(person.id, CANARY);
    let list = world.ask(Ask::get(at("/items")).bearer(&two)).await;
    assert_eq!(list.body, json!({ "total": 0, "items": [] }));
}
