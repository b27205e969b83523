//! Who asks, and the threads that they ask about.

use std::cell::Cell;

use everlog_domain::access::Scopes;
use serde_json::{Value, json};

use super::super::world::{Answer, Server};
use super::routes::Route;
use super::settings::Setting;
use super::verdict::Verdict;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Guest,
    /// Whom the settings name.
    Ann,
    /// Signed in, and named nowhere.
    Bob,
    /// A key with all scopes.
    Key,
    /// A key that may read threads and the log.
    ReadingKey,
    /// A key with all scopes but those of threads and the log.
    KeyWithoutThreads,
    /// A key of another project with all scopes.
    ForeignKey,
}

impl Who {
    /// The roles that it holds, as permissions name them.
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Guest => &["any", "guests"],
            Self::Ann => &["any", "users", "user:ann"],
            Self::Bob => &["any", "users", "user:bob"],
            Self::Key | Self::ReadingKey | Self::KeyWithoutThreads | Self::ForeignKey => &[],
        }
    }

    /// Those of its scopes that threads ask for.
    pub(super) fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Guest => &["threads.read"],
            Self::Ann | Self::Bob => &["threads.read", "threads.write"],
            Self::ReadingKey => &["threads.read", "log.read"],
            Self::KeyWithoutThreads => &[],
            Self::Key | Self::ForeignKey => {
                &["threads.read", "threads.write", "log.read", "history.read"]
            }
        }
    }

    pub(super) fn is_key(self) -> bool {
        self.roles().is_empty()
    }
}

/// Everybody, and a server.
pub(super) struct Cast<'a> {
    pub(super) server: &'a Server,
    pub(super) key: String,
    reading_key: String,
    other_key: String,
    foreign_key: String,
    ann: String,
    bob: String,
    made: Cell<usize>,
}

/// A thread to ask about.
pub(super) struct Scene {
    pub(super) thread: String,
}

impl<'a> Cast<'a> {
    pub(super) async fn new(server: &'a Server) -> Self {
        let key = |scopes: &'static [&'static str]| async move {
            let scopes = Scopes::parse(scopes).unwrap();
            server.key("one", scopes).await.reveal()
        };
        Self {
            key: server.full_key("one").await,
            reading_key: key(&["threads.read", "log.read"]).await,
            other_key: key(&["users.read", "keys.read"]).await,
            foreign_key: server.full_key("two").await,
            ann: server.person("ann").await,
            bob: server.person("bob").await,
            made: Cell::new(0),
            server,
        }
    }

    /// Those who are tried in a setting, the ones with the least first.
    pub(super) fn of(&self, setting: &Setting) -> Vec<Who> {
        let mut all = vec![Who::Guest, Who::Bob, Who::Ann];
        if setting.tries_keys() {
            let keys = [
                Who::KeyWithoutThreads,
                Who::ForeignKey,
                Who::ReadingKey,
                Who::Key,
            ];
            all.extend(keys);
        }
        all
    }

    pub(super) fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("t{}", self.made.get())
    }

    /// A thread in a setting, with three items.
    pub(super) async fn scene(&self, setting: &Setting) -> Scene {
        let thread = self.fresh();
        self.done("POST", "/v1/threads", setting.body(&thread))
            .await;
        self.furnish(&thread).await;
        Scene { thread }
    }

    /// Puts the items into a thread that the routes are about, and cat among its participants. Answers
    /// with the cursor of the last.
    pub(super) async fn furnish(&self, thread: &str) -> String {
        let path = format!("/v1/threads/{thread}/items");
        let text = json!([{ "type": "text", "text": "x" }]);
        let items = [
            json!({ "itemId": "a", "role": "user", "parts": text }),
            json!({ "itemId": "own", "role": "user", "parts": text, "author": "user:ann" }),
            json!({ "itemId": "open", "role": "assistant", "parts": text, "status": "open" }),
        ];
        for item in items {
            self.done("POST", &path, item).await;
        }
        let cat = format!("/v1/threads/{thread}/participants/user:cat");
        let joined = self.done("PUT", &cat, json!({ "role": "viewer" })).await;
        joined.cursor.unwrap()
    }

    pub(super) async fn done(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.server.with_key(&self.key, method, path, body).await;
        let granted = (200..300).contains(&answer.status);
        assert!(granted, "{method} {path}: {answer:?}");
        answer
    }

    /// What somebody is answered.
    pub(super) async fn ask(
        &self,
        who: Who,
        (method, path): (&str, &str),
        body: Option<&Value>,
    ) -> Answer {
        let headers = self.headers(who);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.server.ask(method, path, &headers, body).await
    }

    /// What somebody proves itself with.
    pub(super) fn headers(&self, who: Who) -> Vec<(&'static str, String)> {
        let project = || ("x-appwrite-project", "one".to_owned());
        let bearer = |key: &str| vec![("authorization", format!("Bearer {key}"))];
        let session = |value: &str| vec![project(), ("x-appwrite-session", value.to_owned())];
        match who {
            Who::Guest => vec![project()],
            Who::Ann => session(&self.ann),
            Who::Bob => session(&self.bob),
            Who::Key => bearer(&self.key),
            Who::ReadingKey => bearer(&self.reading_key),
            Who::KeyWithoutThreads => bearer(&self.other_key),
            Who::ForeignKey => bearer(&self.foreign_key),
        }
    }

    pub(super) async fn try_route(&self, scene: &Scene, who: Who, route: &Route) -> Verdict {
        let path = format!("/v1/threads/{}{}", scene.thread, route.path);
        let body: Option<Value> = match route.body {
            "" => None,
            text => Some(serde_json::from_str(text).unwrap()),
        };
        let answer = self.ask(who, (route.method, &path), body.as_ref()).await;
        Verdict::of(answer.status, &answer.body)
    }
}
