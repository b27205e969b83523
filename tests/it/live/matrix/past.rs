//! What is shown of the past: by the rights of today and by those of the moment.

use everlog_domain::access::Action;
use serde_json::{Value, json};

use super::callers::{Cast, Who};
use super::reads::{Seen, reads};
use super::settings::Setting;
use super::verdict::Verdict;

/// What was granted when, and whether the thread goes on.
pub(super) struct Lived {
    before: Setting,
    after: Setting,
    deleted: bool,
}

/// A thread with its moments.
pub(super) struct Moments {
    thread: String,
    /// Before the permissions were changed.
    before: String,
    /// After it.
    after: String,
}

/// Every change of who may read.
pub(super) fn lives() -> Vec<(Setting, Lived)> {
    let read = [Action::Read];
    let grants = || {
        [
            Setting::of("user:ann", &[]),
            Setting::of("user:ann", &read),
            Setting::of("users", &read),
            Setting::of("any", &read),
        ]
    };
    let mut lives = Vec::new();
    for before in grants() {
        for after in grants() {
            for deleted in [false, true] {
                let lived = Lived {
                    before: before.clone(),
                    after: after.clone(),
                    deleted,
                };
                // keys are tried in all of them
                let mut setting = Setting::of("nobody", &[]);
                let end = if deleted { ", then deleted" } else { "" };
                setting.name = format!("{}, then {}{end}", before.name, after.name);
                lives.push((setting, lived));
            }
        }
    }
    lives
}

impl Cast<'_> {
    pub(super) async fn live_through(&self, lived: &Lived) -> Moments {
        let thread = self.fresh();
        let path = format!("/v1/threads/{thread}");
        self.done("POST", "/v1/threads", lived.before.body(&thread))
            .await;
        let before = self.furnish(&thread).await;
        let permissions = json!({ "permissions": lived.after.permissions() });
        self.done("PUT", &format!("{path}/permissions"), permissions)
            .await;
        let edit = json!({ "parts": [{ "type": "text", "text": "anew" }] });
        let edited = self.done("PATCH", &format!("{path}/items/a"), edit).await;
        if lived.deleted {
            self.done("DELETE", &path, Value::Null).await;
        }
        Moments {
            thread,
            before,
            after: edited.cursor.unwrap(),
        }
    }

    pub(super) async fn look_back(&self, moments: &Moments, who: Who, lived: &Lived) -> Vec<Seen> {
        let path = format!("/v1/threads/{}", moments.thread);
        let mut seen: Vec<Seen> = Vec::new();
        for (at, then) in [
            (&moments.before, &lived.before),
            (&moments.after, &lived.after),
        ] {
            let wanted = match who {
                Who::ForeignKey => Verdict::NoCursor,
                who => both(who, then, lived),
            };
            for (name, rest) in [
                ("the thread at a moment", ""),
                ("items at a moment", "/items"),
                ("an item at a moment", "/items/a"),
            ] {
                let path = format!("{path}{rest}?at={at}");
                let answer = self.ask(who, ("GET", &path), None).await;
                seen.push((name, Verdict::of(answer.status, &answer.body), wanted));
            }
            let listed = self.listed_then(moments, who, at).await;
            seen.push(("the list at a moment", listed, wanted));
            seen.push(self.forks_then(who, &path, (at, wanted), lived).await);
        }
        seen.extend(self.remembers(who, &path, lived).await);
        seen
    }

    async fn listed_then(&self, moments: &Moments, who: Who, at: &str) -> Verdict {
        let query = json!({ "method": "equal", "attribute": "$id", "values": [moments.thread] });
        let query: String = form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
        let path = format!("/v1/threads?at={at}&queries[]={query}");
        let answer = self.ask(who, ("GET", &path), None).await;
        match Verdict::of(answer.status, &answer.body) {
            Verdict::Allowed => Verdict::shown(answer.body["total"] == json!(1)),
            refused => refused,
        }
    }

    async fn forks_then(
        &self,
        who: Who,
        path: &str,
        (at, wanted): (&str, Verdict),
        lived: &Lived,
    ) -> Seen {
        let body = json!({ "at": at });
        let answer = self
            .ask(who, ("POST", &format!("{path}/fork")), Some(&body))
            .await;
        let wanted = match who {
            Who::Guest | Who::ReadingKey | Who::KeyWithoutThreads => Verdict::NoScope,
            Who::ForeignKey => wanted,
            // there is nothing left to fork
            _ if lived.deleted => Verdict::NotFound,
            _ => wanted,
        };
        let found = Verdict::of(answer.status, &answer.body);
        ("a fork from a moment", found, wanted)
    }

    /// The history: which of its events are shown.
    async fn remembers(&self, who: Who, path: &str, lived: &Lived) -> Vec<Seen> {
        let answer = self
            .ask(who, ("GET", &format!("{path}/history?limit=100")), None)
            .await;
        let found = Verdict::of(answer.status, &answer.body);
        let today = both(who, &lived.after, lived);
        if found != Verdict::Allowed || today != Verdict::Allowed {
            return vec![("the history", found, today)];
        }
        let events = answer.body["events"].as_array().unwrap().iter();
        let kinds: Vec<&str> = events
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        let shows = |kind| Verdict::shown(kinds.contains(&kind));
        vec![
            (
                "the history of before",
                shows("thread.created"),
                both(who, &lived.before, lived),
            ),
            ("the history of after", shows("item.edited"), today),
        ]
    }
}

/// Whether somebody may read today and might then. Of what is deleted only a key with the scope for it
/// reads anything.
fn both(who: Who, then: &Setting, lived: &Lived) -> Verdict {
    if lived.deleted {
        return match reads(who, then) {
            Verdict::NoScope => Verdict::NoScope,
            _ => Verdict::shown(who == Who::Key),
        };
    }
    match (reads(who, then), reads(who, &lived.after)) {
        (Verdict::Allowed, today) => today,
        (then, _) => then,
    }
}
