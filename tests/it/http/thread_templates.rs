//! Templates of threads: who makes them, who may use them, and what a thread gets from one.

use serde_json::{Value, json};

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::{Person, World};

const PATH: &str = "/v1/thread-templates";

/// A ticket: support does everything, whoever asks reads and writes.
fn ticket(usable_by: &[&str]) -> Value {
    json!({
        "templateId": "ticket",
        "usableBy": usable_by,
        "permissions": ["read(\"team:support\")", "write(\"team:support\")"],
        "participants": [
            { "id": "user:{creator}", "role": "member" },
            { "id": "agent:triage", "role": "member" },
        ],
    })
}

fn content(usable_by: &[&str], permissions: &[&str]) -> String {
    json!({ "usableBy": usable_by, "permissions": permissions }).to_string()
}

fn update(body: String) -> Ask {
    Ask::new("PUT", format!("{PATH}/ticket")).body(body)
}

fn begin(body: Value) -> Ask {
    Ask::post("/v1/threads", body)
}

fn by(who: &Person, ask: Ask) -> Ask {
    ask.session("one", &who.session)
}

async fn ask(world: &World, ask: Ask) -> Value {
    let reply = world.ask(ask).await;
    assert!(reply.status < 300, "{}", reply.text);
    reply.body
}

#[tokio::test]
async fn only_keys_with_the_scope_make_templates_or_see_them() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let key = world.full_key("one").await;
    let threads = world.key("one", &["threads.read", "threads.write"]).await;
    let reads = world.key("one", &["templates.read"]).await;
    ask(&world, Ask::post(PATH, ticket(&["users"])).bearer(&key)).await;
    let scope = "general_unauthorized_scope";
    let at = || Ask::get(format!("{PATH}/ticket"));
    let writes = [
        Ask::post(PATH, ticket(&[])),
        update(content(&[], &[])),
        Ask::delete(format!("{PATH}/ticket")),
    ];
    let mut scenarios = Vec::new();
    for write in writes {
        scenarios.push(denied(
            "only reads",
            write.clone().bearer(&reads),
            401,
            scope,
        ));
        for (says, ask) in [
            ("a user", by(&ann, write.clone())),
            ("a guest", write.clone().project("one")),
            ("a key for threads", write.bearer(&threads)),
        ] {
            scenarios.push(denied(says, ask, 401, scope));
        }
    }
    for read in [at(), Ask::get(PATH)] {
        scenarios.extend([
            denied("a user", by(&ann, read.clone()), 401, scope),
            denied("a guest", read.clone().project("one"), 401, scope),
            denied(
                "a key for threads",
                read.clone().bearer(&threads),
                401,
                scope,
            ),
            granted("a key that reads", read.bearer(&reads), 200, &[]),
        ]);
    }
    let other = world.full_key("two").await;
    let foreign = at().bearer(&other);
    let not_found = "thread_template_not_found";
    scenarios.push(denied("another project", foreign, 404, not_found));
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn bad_templates_are_refused() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let invalid = "general_argument_invalid";
    let not_found = "thread_template_not_found";
    let bad = |field: &str, value: Value| {
        let mut body = ticket(&[]);
        body[field] = value;
        Ask::post(PATH, body).bearer(&key)
    };
    let many = |most: usize, of: fn(usize) -> Value| -> Value {
        (0..=most).map(of).collect::<Vec<_>>().into()
    };
    let participant = |n: usize| json!({ "id": format!("agent:a{n}"), "role": "viewer" });
    let scenarios = vec![
        denied("no id", bad("templateId", json!("a b")), 400, invalid),
        denied(
            "no role",
            bad("usableBy", json!(["everyone"])),
            400,
            invalid,
        ),
        denied(
            "no creator may use it",
            bad("usableBy", json!(["user:{creator}"])),
            400,
            invalid,
        ),
        denied(
            "no permission",
            bad("permissions", json!(["read(\"label:{creator}\")"])),
            400,
            invalid,
        ),
        denied(
            "no participant",
            bad(
                "participants",
                json!([{ "id": "{creator}", "role": "owner" }]),
            ),
            400,
            invalid,
        ),
        denied("unknown", bad("more", json!(1)), 400, invalid),
        denied(
            "many roles",
            bad("usableBy", many(20, |n| json!(format!("team:t{n}")))),
            400,
            invalid,
        ),
        denied(
            "many permissions",
            bad(
                "permissions",
                many(100, |n| json!(format!("read(\"team:t{n}\")"))),
            ),
            400,
            invalid,
        ),
        denied(
            "many participants",
            bad("participants", many(200, participant)),
            400,
            invalid,
        ),
        denied(
            "nothing to replace",
            update(content(&[], &[])).bearer(&key),
            404,
            not_found,
        ),
        denied(
            "nothing to delete",
            Ask::delete(format!("{PATH}/ticket")).bearer(&key),
            404,
            not_found,
        ),
        denied(
            "nothing to read",
            Ask::get(format!("{PATH}/ticket")).bearer(&key),
            404,
            not_found,
        ),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_template_is_made_replaced_and_deleted() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    let post = || Ask::post(PATH, ticket(&["users"])).bearer(&key);
    let put = |permissions: &[&str]| update(content(&[], permissions)).bearer(&key);
    let delete = || Ask::delete(format!("{PATH}/ticket")).bearer(&key);
    let exists = "thread_template_already_exists";
    let made = ask(&world, post().named("once")).await;
    assert_eq!(made["usableBy"], json!(["users"]));
    assert_eq!(made["participants"][1]["id"], "agent:triage");
    play(
        &world,
        world.one,
        vec![
            granted("a retry", post().named("once"), 201, &[]),
            denied("again", post(), 409, exists),
            granted(
                "replaced",
                put(&["read(\"any\")"]),
                200,
                &["template.updated"],
            ),
            granted("the same", put(&["read(\"any\")"]), 200, &[]),
        ],
    )
    .await;
    let list = ask(&world, Ask::get(PATH).bearer(&key)).await;
    assert_eq!(list["total"], 1);
    let template = &list["templates"][0];
    assert_eq!(template["permissions"], json!(["read(\"any\")"]));
    assert_eq!(template["participants"], json!([]));
    play(
        &world,
        world.one,
        vec![
            granted("gone", delete(), 204, &["template.deleted"]),
            granted("another life", post(), 201, &["template.created"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_project_has_a_hundred_templates() {
    let world = World::new().await;
    let key = world.full_key("one").await;
    for n in 0..100 {
        let body = json!({ "templateId": format!("t{n}") });
        ask(&world, Ask::post(PATH, body).bearer(&key)).await;
    }
    let limit = "thread_template_limit_exceeded";
    let more = Ask::post(PATH, ticket(&[])).bearer(&key);
    play(
        &world,
        world.one,
        vec![denied("one more", more, 409, limit)],
    )
    .await;
}

#[tokio::test]
async fn a_template_that_is_not_for_the_caller_is_not_there() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let bob = world.person("one", "bob").await;
    let key = world.full_key("one").await;
    let not_found = "thread_template_not_found";
    let invalid = "general_argument_invalid";
    let from = |more: Value| {
        let mut body = json!({ "threadId": "t", "templateId": "ticket" });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        begin(body)
    };
    let plain = || from(json!({}));
    let never = denied("none yet", by(&ann, plain()), 404, not_found);
    play(&world, world.one, vec![never]).await;
    ask(&world, Ask::post(PATH, ticket(&["user:bob"])).bearer(&key)).await;
    let escalated = json!({ "participants": [{ "id": "user:bob", "role": "owner" }] });
    let friend = json!({ "participants": [{ "id": "user:ann", "role": "owner" }] });
    let scenarios = vec![
        denied("not for Ann", by(&ann, plain()), 404, not_found),
        denied(
            "a guest",
            plain().project("one"),
            401,
            "general_unauthorized_scope",
        ),
        denied(
            "for somebody else",
            by(&bob, from(json!({ "creator": "user:ann" }))),
            401,
            "permission_not_held",
        ),
        denied(
            "an agent begins nothing",
            from(json!({ "creator": "agent:a" })).bearer(&key),
            400,
            invalid,
        ),
        denied(
            "a key says for whom",
            plain().bearer(&key),
            400,
            "thread_template_creator_missing",
        ),
        denied(
            "permissions beside it",
            by(&bob, from(json!({ "permissions": [] }))),
            400,
            invalid,
        ),
        denied(
            "a creator without a template",
            begin(json!({ "creator": "user:bob" })).bearer(&key),
            400,
            invalid,
        ),
        denied(
            "no id",
            by(&bob, begin(json!({ "templateId": "" }))),
            400,
            invalid,
        ),
        denied(
            "Bob as its owner",
            by(&bob, from(escalated)),
            401,
            "permission_not_held",
        ),
        denied(
            "an owner beside Bob",
            by(&bob, from(friend)),
            401,
            "permission_not_held",
        ),
        granted("Bob", by(&bob, plain()), 201, &["thread.created"]),
        denied("taken", by(&bob, plain()), 409, "thread_already_exists"),
    ];
    play(&world, world.one, scenarios).await;
}

#[tokio::test]
async fn a_thread_keeps_what_its_template_said_when_it_began() {
    let world = World::new().await;
    let ann = world.person("one", "ann").await;
    let key = world.full_key("one").await;
    ask(&world, Ask::post(PATH, ticket(&["users"])).bearer(&key)).await;
    let friend = json!([{ "id": "user:bob", "role": "viewer" }]);
    let body = json!({ "threadId": "t", "templateId": "ticket", "participants": friend });
    let began = ask(&world, by(&ann, begin(body))).await;
    let participants = json!([
        { "id": "user:ann", "role": "member" },
        { "id": "user:bob", "role": "viewer" },
        { "id": "agent:triage", "role": "member" },
    ]);
    assert_eq!(began["participants"], participants);
    assert_eq!(began["templateId"], "ticket");
    let mine = "thread_access_forbidden";
    let rename = Ask::new("PATCH", "/v1/threads/t").body(r#"{"name":"mine"}"#);
    let denied = denied("it is not Ann's", by(&ann, rename), 401, mine);
    play(&world, world.one, vec![denied]).await;
    let thread = async |id: &str| {
        let thread = Ask::get(format!("/v1/threads/{id}")).bearer(&key);
        ask(&world, thread).await
    };
    let before = thread("t").await;
    let other = content(&["users"], &["write(\"user:{creator}\")", "read(\"any\")"]);
    ask(&world, update(other).bearer(&key)).await;
    assert_eq!(thread("t").await, before);
    let body = json!({ "threadId": "u", "templateId": "ticket", "creator": "user:ann" });
    let began = ask(&world, begin(body).bearer(&key)).await;
    let granted = json!([
        "read(\"any\")",
        "create(\"user:ann\")",
        "update(\"user:ann\")",
        "delete(\"user:ann\")",
    ]);
    assert_eq!(began["$permissions"], granted);
    assert_eq!(began["participants"], json!([]));
    let delete = Ask::delete(format!("{PATH}/ticket")).bearer(&key);
    ask(&world, delete).await;
    assert_eq!(thread("t").await, before);
    let of_template = json!({ "method": "equal", "attribute": "templateId",
        "values": ["ticket"] });
    let list = Ask::get("/v1/threads").queries(&[of_template]).bearer(&key);
    assert_eq!(ask(&world, list).await["total"], 2);
}
