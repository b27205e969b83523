//! A server in process: engines, actors and routes, without a socket.

use std::sync::Arc;

use axum::Router;
use everlog::http::{Addresses, Edge, EdgeParts, LocalPages, Origins, SetUp};
use everlog::key_text::{KeyText, SessionText};
use everlog_actors::{Node, NodeOptions, ProjectCommand, ProjectRequest};
use everlog_domain::access::Scopes;
use everlog_domain::event::Recorded;
use everlog_domain::identity::{SessionCreated, SignIn};
use everlog_domain::ids::{KeyId, Offset, ProjectId, ProjectNumber, ProjectUid, SessionId, UserId};
use everlog_domain::projects::{CreateKey, DeleteKey, KeyCreated};
use everlog_domain::time::Time;
use everlog_storage::{MasterKey, MasterKeySource, Options};
use serde_json::json;
use tempfile::TempDir;
use tower::ServiceExt;

use super::request::{Ask, Reply};

/// A moment at which tests make things.
pub(super) const NOW: Time = Time(1_800_000_000_000_000);

/// A server with the projects `one` and `two`.
pub(super) struct World {
    pub(super) edge: Arc<Edge>,
    pub(super) one: ProjectNumber,
    router: Router,
    // given back after everything that works in it
    _folder: TempDir,
}

/// Somebody with an account and a session.
pub(super) struct Person {
    pub(super) id: String,
    /// The value of the session's cookie.
    pub(super) session: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            data: folder.path().join("data"),
            master_key: MasterKeySource::Given(MasterKey::generate().unwrap()),
            checkpoint_dir: None,
            low_water_bytes: 0,
        };
        let opened = everlog_storage::open(&options).unwrap();
        let options = NodeOptions::new(ProjectUid([1; 16]));
        let node = Node::start(opened.log, opened.rows, options).await.unwrap();
        let one = make_project(&node, "one", 2).await;
        make_project(&node, "two", 3).await;
        let edge = Edge::new(EdgeParts {
            set_up: SetUp::of(&node).await.unwrap(),
            node,
            secret: b"secret".to_vec(),
            origins: Origins::new(&["https://app.example.com".to_owned()], LocalPages::Listed),
            addresses: Addresses::default(),
        });
        let edge = edge.unwrap();
        Self {
            one,
            router: everlog::routes::routes(&edge),
            edge,
            _folder: folder,
        }
    }

    /// A key of a project, as clients send it.
    pub(super) async fn key(&self, project: &str, scopes: &[&str]) -> String {
        let scopes = Scopes::parse(scopes).unwrap();
        self.make_key(project, scopes, None).await.reveal()
    }

    /// A key with all scopes.
    pub(super) async fn full_key(&self, project: &str) -> String {
        self.make_key(project, Scopes::all(), None).await.reveal()
    }

    pub(super) async fn make_key(
        &self,
        project: &str,
        scopes: Scopes,
        expire: Option<Time>,
    ) -> KeyText {
        let id = ProjectId::parse(project).unwrap();
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).unwrap();
        let text = KeyText::new(id, KeyId::from_seed(&seed));
        let key = KeyCreated {
            key: text.key.clone(),
            name: "test".to_owned(),
            scopes,
            secret_hash: text.secret_hash(),
            expire,
        };
        self.ask_as_server(project, ProjectCommand::CreateKey(CreateKey { key }))
            .await;
        text
    }

    pub(super) async fn revoke_key(&self, project: &str, key: KeyId) {
        self.ask_as_server(project, ProjectCommand::DeleteKey(DeleteKey { key }))
            .await;
    }

    /// A session of a user that ends at a moment, as the cookie bears it.
    pub(super) async fn session_until(&self, project: &str, user: &str, expire: Time) -> String {
        let user = UserId::parse(user).unwrap();
        let text = SessionText::new(&user);
        self.make_session(project, user, &text, expire).await;
        text.reveal()
    }

    /// A session of a user, whose cookie says that it is somebody else's.
    pub(super) async fn session_of_another(&self, project: &str, user: &str, says: &str) -> String {
        let text = SessionText::new(&UserId::parse(says).unwrap());
        let user = UserId::parse(user).unwrap();
        self.make_session(project, user, &text, Time(i64::MAX))
            .await;
        text.reveal()
    }

    async fn make_session(&self, project: &str, user: UserId, text: &SessionText, expire: Time) {
        let session = SessionCreated {
            session: SessionId::from_seed(text.secret().as_bytes()),
            user,
            secret_hash: text.secret_hash(),
            expire,
            provider: "email".into(),
            ip: "".into(),
            user_agent: "".into(),
        };
        let command = ProjectCommand::SignIn(SignIn { session });
        self.ask_as_server(project, command).await;
    }

    async fn ask_as_server(&self, project: &str, command: ProjectCommand) {
        let node = &self.edge.node;
        let id = ProjectId::parse(project).unwrap();
        let number = node.project_number(&id).unwrap().unwrap();
        let request = ProjectRequest {
            caller: node.system(number),
            command,
            wish: None,
            now: NOW,
        };
        node.project(request).await.unwrap();
    }

    /// Registers somebody and signs them in.
    pub(super) async fn person(&self, project: &str, name: &str) -> Person {
        let (email, password) = (format!("{name}@example.com"), "correct horse");
        let body = json!({ "userId": name, "email": email, "password": password, "name": name });
        let made = self
            .ask(Ask::post("/v1/account", body).project(project))
            .await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        Person {
            id: name.to_owned(),
            session: self.sign_in(project, &email, password).await,
        }
    }

    /// Signs in, and gives the value of the session's cookie.
    pub(super) async fn sign_in(&self, project: &str, email: &str, password: &str) -> String {
        let body = json!({ "email": email, "password": password });
        let ask = Ask::post("/v1/account/sessions/email", body).project(project);
        let reply = self.ask(ask).await;
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        reply.cookie(&format!("a_session_{project}")).unwrap()
    }

    /// A thread in a project, as its key made it. Answers with its id.
    pub(super) async fn thread(&self, key: &str, body: serde_json::Value) -> String {
        let reply = self.ask(Ask::post("/v1/threads", body).bearer(key)).await;
        assert_eq!(reply.status, 201, "{:?}", reply.body);
        reply.id()
    }

    pub(super) async fn ask(&self, ask: Ask) -> Reply {
        let response = self
            .router
            .clone()
            .oneshot(ask.into_request())
            .await
            .unwrap();
        Reply::of(response).await
    }

    /// An answer that is not read yet.
    pub(super) async fn open(&self, ask: Ask) -> axum::response::Response {
        self.send(ask.into_request()).await
    }

    /// The same for a request whose body comes by and by.
    pub(super) async fn send(
        &self,
        request: axum::http::Request<axum::body::Body>,
    ) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The events of a project after an offset.
    pub(super) fn events(&self, project: ProjectNumber, after: Offset) -> Vec<Recorded> {
        self.edge
            .node
            .log()
            .read(project, after.next(), 10_000)
            .unwrap()
    }

    /// The newest offset of a project.
    pub(super) fn head(&self, project: ProjectNumber) -> Offset {
        let newest = self.events(project, Offset(0));
        newest
            .last()
            .map_or(Offset(0), |recorded| recorded.envelope.offset)
    }
}

async fn make_project(node: &Node, id: &str, seed: u8) -> ProjectNumber {
    let id = ProjectId::parse(id).unwrap();
    node.ensure_project(&id, "Test", ProjectUid([seed; 16]), NOW)
        .await
        .unwrap()
}
