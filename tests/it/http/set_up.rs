//! The first root user.

use everlog_actors::{ProjectCommand, ProjectRequest};
use everlog_domain::identity::{EmailAddress, RegisterUser, UserName};
use everlog_domain::ids::{CONSOLE, UserId};
use serde_json::json;

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::{NOW, World};

fn register(name: &str) -> Ask {
    register_as(name, "")
}

fn register_as(id: &str, name: &str) -> Ask {
    let email = format!("{id}@example.com");
    let body = json!({ "userId": id, "email": email, "password": "correct horse", "name": name });
    Ask::post("/v1/account", body)
}

#[tokio::test]
async fn the_console_takes_one_registration_with_its_token() {
    let world = World::new().await;
    let token = world.edge.set_up.token().await.unwrap();
    let with = |ask: Ask, token: &str| ask.header("x-everlog-setup-token", token);
    let required = "setup_token_required";
    let scenarios = vec![
        denied("no token", register("root"), 401, required),
        denied(
            "a wrong token",
            with(register("root"), "0123"),
            401,
            required,
        ),
        denied("an empty token", with(register("root"), ""), 401, required),
        denied(
            "named console",
            register("root").project("console"),
            401,
            required,
        ),
        denied(
            "a bad password, which leaves the token valid",
            with(
                Ask::post(
                    "/v1/account",
                    json!({ "userId": "r", "email": "r@e.com", "password": "x" }),
                ),
                &token,
            ),
            400,
            "general_argument_invalid",
        ),
        granted(
            "the token",
            with(register("root"), &token),
            201,
            &["user.created"],
        ),
        denied(
            "the token again",
            with(register("mallory"), &token),
            403,
            "registration_closed",
        ),
        denied(
            "no token again",
            register("mallory"),
            403,
            "registration_closed",
        ),
    ];
    play(&world, CONSOLE, scenarios).await;
    assert_eq!(world.edge.set_up.token().await, None);
    world
        .sign_in("console", "root@example.com", "correct horse")
        .await;
}

#[tokio::test]
async fn the_first_registration_is_safe_to_retry() {
    let world = World::new().await;
    let token = world.edge.set_up.token().await.unwrap();
    let with = |ask: Ask| ask.header("x-everlog-setup-token", &token);
    let keyed = |ask: Ask| ask.named("first");
    let scenarios = vec![
        denied(
            "a key without the token",
            keyed(register("root")),
            401,
            "setup_token_required",
        ),
        granted(
            "the token and a key",
            with(keyed(register("root"))),
            201,
            &["user.created"],
        ),
        granted("the same again", with(keyed(register("root"))), 201, &[]),
        denied(
            "another name under the key",
            with(keyed(register_as("root", "other"))),
            409,
            "idempotency_key_reused",
        ),
        denied(
            "somebody else under the key",
            with(keyed(register("mallory"))),
            403,
            "registration_closed",
        ),
        denied(
            "the same without the key",
            with(register("root")),
            403,
            "registration_closed",
        ),
    ];
    play(&world, CONSOLE, scenarios).await;
}

#[tokio::test]
async fn the_token_is_void_once_there_is_a_user_whoever_made_it() {
    let world = World::new().await;
    let token = world.edge.set_up.token().await.unwrap();
    let node = &world.edge.node;
    let request = ProjectRequest {
        caller: node.system(CONSOLE),
        command: ProjectCommand::RegisterUser(RegisterUser {
            user: UserId::parse("root").unwrap(),
            email: EmailAddress::parse("root@example.com").unwrap(),
            password_hash: String::new(),
            name: UserName::default(),
        }),
        wish: None,
        now: NOW,
    };
    node.project(request).await.unwrap();
    let late = register("mallory").header("x-everlog-setup-token", &token);
    let scenarios = vec![denied("the token", late, 403, "registration_closed")];
    play(&world, CONSOLE, scenarios).await;
}
