//! Ways of watching a thread, and lists that may have it.

use everlog_domain::access::Action;
use serde_json::{Value, json};

use super::super::client::Client;
use super::callers::{Cast, Scene, Who};
use super::settings::Setting;
use super::verdict::Verdict;

/// Routes of threads that are tried here.
pub(super) const WATCHED: [&str; 1] = ["/events"];

/// A way, what came of it, and what should have.
pub(super) type Seen = (&'static str, Verdict, Verdict);

/// Whether somebody reads a thread of the project `one`.
pub(super) fn reads(who: Who, setting: &Setting) -> Verdict {
    match who {
        Who::KeyWithoutThreads => Verdict::NoScope,
        Who::ForeignKey => Verdict::NotFound,
        who if who.is_key() => Verdict::Allowed,
        who => Verdict::shown(setting.rights(who).contains(&Action::Read)),
    }
}

impl Cast<'_> {
    pub(super) async fn watch(&self, scene: &Scene, who: Who, setting: &Setting) -> Vec<Seen> {
        let wanted = reads(who, setting);
        let mut seen = vec![
            ("list", self.lists(scene, who).await, wanted),
            ("event stream", self.streams(scene, who).await, wanted),
            ("log", self.logs(scene, who).await, self.reads_log(who)),
        ];
        let mut client = self.connect(who).await;
        let thread = &scene.thread;
        let whole = format!("threads/{thread}");
        for (name, resource) in [
            ("live thread", whole.clone()),
            ("live items of a thread", format!("{whole}/items")),
        ] {
            seen.push((name, subscribed(&mut client, &resource).await, wanted));
        }
        let past = self.follows(&mut client, scene).await;
        seen.push(("live threads", listed(&mut client, thread).await, wanted));
        seen.push(("live items", past, wanted));
        seen
    }

    async fn lists(&self, scene: &Scene, who: Who) -> Verdict {
        let query = json!({ "method": "equal", "attribute": "$id", "values": [scene.thread] });
        let query: String = form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
        let path = format!("/v1/threads?queries[]={query}");
        let answer = self.ask(who, ("GET", &path), None).await;
        match Verdict::of(answer.status, &answer.body) {
            Verdict::Allowed => {
                let (total, threads) = (&answer.body["total"], &answer.body["threads"]);
                assert_eq!(total, &json!(threads.as_array().unwrap().len()));
                Verdict::shown(*total == json!(1))
            }
            refused => refused,
        }
    }

    async fn streams(&self, scene: &Scene, who: Who) -> Verdict {
        let path = format!("/v1/threads/{}/events", scene.thread);
        let headers = self.headers(who);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        // a stream is let go unread: it would go on
        let response = self.server.open("GET", &path, &headers, None).await;
        let status = response.status().as_u16();
        if status == 200 {
            return Verdict::Allowed;
        }
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        Verdict::of(status, &body)
    }

    fn reads_log(&self, who: Who) -> Verdict {
        match who {
            Who::ForeignKey => Verdict::NotFound,
            who if who.scopes().contains(&"log.read") => Verdict::Allowed,
            _ => Verdict::NoScope,
        }
    }

    async fn logs(&self, scene: &Scene, who: Who) -> Verdict {
        let path = format!("/v1/log?stream=thread/{}", scene.thread);
        let answer = self.ask(who, ("GET", &path), None).await;
        match Verdict::of(answer.status, &answer.body) {
            Verdict::Allowed => {
                let events = answer.body["events"].as_array().unwrap();
                Verdict::shown(!events.is_empty())
            }
            refused => refused,
        }
    }

    async fn connect(&self, who: Who) -> Client {
        let headers = self.headers(who);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let client = Client::connect(self.server, "/v1/live", &headers, 65_536).await;
        let mut client = client.unwrap();
        assert_eq!(client.next().await["type"], "connected");
        client
    }

    /// The items of all threads, from the beginning: what is shown of this one.
    async fn follows(&self, client: &mut Client, scene: &Scene) -> Verdict {
        let query = json!({ "method": "equal", "attribute": "threadId", "values": [scene.thread] });
        let answer = client
            .subscribe_with("i", "items", json!("start"), &[query])
            .await;
        if answer["type"] == "error" {
            return refusal(&answer);
        }
        let links = client.past("i").await;
        Verdict::shown(links.iter().any(|link| link["type"] == "event"))
    }
}

fn refusal(frame: &Value) -> Verdict {
    let status = u16::try_from(frame["code"].as_u64().unwrap()).unwrap();
    Verdict::of(status, &json!({ "type": frame["errorType"] }))
}

async fn subscribed(client: &mut Client, resource: &str) -> Verdict {
    let answer = client.subscribe(resource, resource, json!(null)).await;
    match answer["type"].as_str() {
        Some("snapshot") => {
            assert_eq!(answer["items"].as_array().unwrap().len(), 3);
            Verdict::Allowed
        }
        _ => refusal(&answer),
    }
}

async fn listed(client: &mut Client, thread: &str) -> Verdict {
    let query = json!({ "method": "equal", "attribute": "$id", "values": [thread] });
    let answer = client
        .subscribe_with("t", "threads", json!(null), &[query])
        .await;
    match answer["type"].as_str() {
        Some("snapshot") => {
            let threads = answer["threads"].as_array().unwrap();
            Verdict::shown(threads.iter().any(|row| row["$id"] == thread))
        }
        _ => refusal(&answer),
    }
}
