//! A table's row: a request, its status, its error's type, and the events that occurred.

use everlog_domain::ids::ProjectNumber;

use super::request::{Ask, Reply, fields};
use super::world::World;

/// What must come of a request.
pub(super) struct Scenario {
    pub(super) says: &'static str,
    pub(super) ask: Ask,
    pub(super) status: u16,
    /// The error's type; empty where it is none.
    pub(super) kind: &'static str,
    /// Kinds of the events that occurred in the project.
    pub(super) events: &'static [&'static str],
}

/// A request that must be refused, and leave nothing behind.
pub(super) fn denied(says: &'static str, ask: Ask, status: u16, kind: &'static str) -> Scenario {
    Scenario {
        says,
        ask,
        status,
        kind,
        events: &[],
    }
}

/// A request that must be granted.
pub(super) fn granted(
    says: &'static str,
    ask: Ask,
    status: u16,
    events: &'static [&'static str],
) -> Scenario {
    Scenario {
        says,
        ask,
        status,
        kind: "",
        events,
    }
}

/// Plays the scenarios in their order.
pub(super) async fn play(world: &World, project: ProjectNumber, scenarios: Vec<Scenario>) {
    for Scenario {
        says,
        ask,
        status,
        kind,
        events,
    } in scenarios
    {
        let before = world.head(project);
        let reply = world.ask(ask).await;
        let found = (reply.status, reply.kind());
        assert_eq!(found, (status, kind), "{says}: {}", reply.text);
        if !kind.is_empty() {
            check_form(says, &reply);
        }
        let occurred = world.events(project, before);
        let occurred: Vec<&str> = occurred
            .iter()
            .map(|recorded| recorded.envelope.kind.name())
            .collect();
        assert_eq!(occurred, events, "{says}");
    }
}

/// Every error has Appwrite's form.
fn check_form(says: &str, reply: &Reply) {
    let body = &reply.body;
    assert_eq!(
        fields(body),
        ["code", "message", "type", "version"],
        "{says}"
    );
    assert_eq!(body["code"], reply.status, "{says}");
    let message = body["message"].as_str().unwrap();
    assert!(
        !message.is_empty() && message.len() < 1_000,
        "{says}: {message}"
    );
}
