//! The first root user.

use everlog_domain::ids::CONSOLE;
use serde_json::json;

use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

fn register(name: &str) -> Ask {
    let email = format!("{name}@example.com");
    let body = json!({ "userId": name, "email": email, "password": "correct horse" });
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
