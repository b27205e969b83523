//! A server in process on a real data folder, which can be stopped and started again, and sockets
//! to it through pipes of a known size.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::Response;
use everlog::http::{Addresses, Edge, EdgeParts, LocalPages, Origins, SetUp};
use everlog::key_text::KeyText;
use everlog_actors::{Node, NodeOptions, ProjectCommand, ProjectRequest};
use everlog_domain::access::Scopes;
use everlog_domain::ids::{CONSOLE, KeyId, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::projects::{CreateKey, DeleteKey, KeyCreated, Quotas, SetQuotas};
use everlog_domain::time::Time;
use everlog_storage::{MasterKey, MasterKeySource, Options};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

// In the past, so that the times of events move on from it.
const NOW: Time = Time(1_700_000_000_000_000);
/// The only foreign origin that may call.
pub(super) const LISTED: &str = "https://app.example.com";

/// A data folder with the projects `one` and `two`, and a server on it.
pub(super) struct World {
    pub(super) server: Server,
    folder: TempDir,
    master_key: String,
}

/// A running server.
pub(super) struct Server {
    pub(super) edge: Arc<Edge>,
    router: Router,
    /// Connections up to where they become sockets: each holds the routes, and they the engines.
    connections: TaskTracker,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) cursor: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) session: Option<String>,
    pub(super) body: Value,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut master_key = [0; 32];
        getrandom::fill(&mut master_key).unwrap();
        let master_key = hex::encode(master_key);
        let server = Server::start(&folder, &master_key).await;
        Self {
            server,
            folder,
            master_key,
        }
    }

    /// Stops the server and starts another one on the same folder.
    pub(super) async fn restart(self) -> Self {
        let Self {
            server,
            folder,
            master_key,
        } = self;
        server.stop().await;
        let server = Server::start(&folder, &master_key).await;
        Self {
            server,
            folder,
            master_key,
        }
    }
}

impl Server {
    async fn start(folder: &TempDir, master_key: &str) -> Self {
        let options = Options {
            data: folder.path().join("data"),
            master_key: MasterKeySource::Given(MasterKey::parse(master_key).unwrap()),
            checkpoint_dir: None,
            low_water_bytes: 0,
        };
        let opened = everlog_storage::open(&options).unwrap();
        let options = NodeOptions::new(ProjectUid([1; 16]));
        let node = Node::start(opened.log, opened.rows, options).await.unwrap();
        for (name, uid) in [("one", 2), ("two", 3)] {
            let id = ProjectId::parse(name).unwrap();
            node.ensure_project(&id, name, ProjectUid([uid; 16]), NOW)
                .await
                .unwrap();
        }
        let edge = Edge::new(EdgeParts {
            set_up: SetUp::of(&node).await.unwrap(),
            node,
            secret: b"secret".to_vec(),
            origins: Origins::new(&[LISTED.to_owned()], LocalPages::Listed),
            addresses: Addresses::default(),
        });
        let edge = edge.unwrap();
        Self {
            router: everlog::routes::routes(&edge),
            connections: TaskTracker::new(),
            edge,
        }
    }

    /// Stops as the program does: sockets are told, tasks are waited for, then the node stops.
    async fn stop(self) {
        self.say_stop();
        self.edge.stopping.tasks.wait().await;
        self.connections.close();
        self.connections.wait().await;
        self.edge.node.stop().await;
    }

    /// Tells the sockets that the server stops.
    pub(super) fn say_stop(&self) {
        self.edge.stopping.begun.cancel();
        self.edge.stopping.tasks.close();
    }

    /// One end of a pipe whose other end is served; each direction holds so many bytes.
    pub(super) fn pipe(&self, bytes: usize) -> DuplexStream {
        let (near, far) = tokio::io::duplex(bytes);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), service)
            .with_upgrades();
        self.connections.spawn(async move { connection.await.ok() });
        near
    }

    /// A key of a project with all scopes.
    pub(super) async fn full_key(&self, project: &str) -> String {
        self.key(project, Scopes::all()).await.reveal()
    }

    pub(super) async fn key(&self, project: &str, scopes: Scopes) -> KeyText {
        let id = ProjectId::parse(project).unwrap();
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).unwrap();
        let text = KeyText::new(id, KeyId::from_seed(&seed));
        let key = KeyCreated {
            key: text.key.clone(),
            name: "test".to_owned(),
            scopes,
            secret_hash: text.secret_hash(),
            expire: None,
        };
        self.as_server(project, ProjectCommand::CreateKey(CreateKey { key }))
            .await;
        text
    }

    pub(super) async fn revoke_key(&self, project: &str, key: KeyId) {
        self.as_server(project, ProjectCommand::DeleteKey(DeleteKey { key }))
            .await;
    }

    /// Says what a project may use at most.
    pub(super) async fn set_quotas(&self, project: &str, quotas: Quotas) {
        let project = ProjectId::parse(project).unwrap();
        let command = ProjectCommand::SetQuotas(SetQuotas { project, quotas });
        self.as_server_in(CONSOLE, command).await;
    }

    async fn as_server(&self, project: &str, command: ProjectCommand) {
        self.as_server_in(self.number(project), command).await;
    }

    async fn as_server_in(&self, project: ProjectNumber, command: ProjectCommand) {
        let node = &self.edge.node;
        let caller = node.system(project);
        let request = ProjectRequest {
            caller,
            command,
            wish: None,
            now: NOW,
        };
        node.project(request).await.unwrap();
    }

    pub(super) fn number(&self, project: &str) -> ProjectNumber {
        let id = ProjectId::parse(project).unwrap();
        self.edge.node.project_number(&id).unwrap().unwrap()
    }

    /// Somebody with an account in `one`; the value of their session.
    pub(super) async fn person(&self, name: &str) -> String {
        let (email, password) = (format!("{name}@example.com"), "correct horse");
        let account = json!({ "userId": name, "email": email, "password": password, "name": name });
        let headers = &[("x-appwrite-project", "one")];
        let made = self
            .ask("POST", "/v1/account", headers, Some(&account))
            .await;
        assert_eq!(made.status, 201, "{made:?}");
        let sign_in = json!({ "email": email, "password": password });
        let path = "/v1/account/sessions/email";
        let made = self.ask("POST", path, headers, Some(&sign_in)).await;
        made.session.unwrap()
    }

    /// A request with a key.
    pub(super) async fn with_key(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let bearer = format!("Bearer {key}");
        self.ask(method, path, &[("authorization", &bearer)], body.as_ref())
            .await
    }

    /// A request that must be granted.
    pub(super) async fn granted(&self, key: &str, method: &str, path: &str, body: Value) -> Answer {
        let answer = self.with_key(key, method, path, Some(body)).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        answer
    }

    /// An answer that is not read yet.
    pub(super) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let (parts, body) = self.open(method, path, headers, body).await.into_parts();
        let bytes = to_bytes(body, 64 << 20).await.unwrap();
        let cookies = parts
            .headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|line| line.to_str().ok());
        let mut cookies =
            cookies.filter_map(|line| line.split(';').next()?.strip_prefix("a_session_one="));
        let header = |name: &str| {
            let value = parts.headers.get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Answer {
            status: parts.status.as_u16(),
            cursor: header("x-everlog-cursor"),
            retry_after: header("retry-after"),
            session: cookies.next().map(str::to_owned),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

/// Writes in `one` with a key, short to write.
pub(super) struct Writer<'a> {
    pub(super) server: &'a Server,
    pub(super) key: String,
}

impl<'a> Writer<'a> {
    pub(super) async fn new(server: &'a Server) -> Self {
        Self {
            server,
            key: server.full_key("one").await,
        }
    }

    /// A thread that these users take part in.
    pub(super) async fn thread(&self, id: &str, members: &[&str]) -> Answer {
        let members = members
            .iter()
            .map(|user| json!({ "id": format!("user:{user}"), "role": "member" }));
        let body =
            json!({ "threadId": id, "name": id, "participants": members.collect::<Vec<_>>() });
        self.server
            .granted(&self.key, "POST", "/v1/threads", body)
            .await
    }

    pub(super) async fn post(&self, thread: &str, text: &str) -> Answer {
        let body = json!({ "role": "user", "parts": [{ "type": "text", "text": text }] });
        self.write(thread, "POST", "/items", body).await
    }

    /// Opens an item that is being written.
    pub(super) async fn open(&self, thread: &str, item: &str, text: &str) -> Answer {
        let parts = json!([{ "type": "text", "text": text }]);
        let body = json!({ "itemId": item, "role": "assistant", "status": "open", "parts": parts });
        self.write(thread, "POST", "/items", body).await
    }

    pub(super) async fn append(&self, thread: &str, item: &str, text: &str) -> Answer {
        let body = json!({ "deltas": [{ "type": "text", "part": 0, "text": text }] });
        self.write(thread, "POST", &format!("/items/{item}/deltas"), body)
            .await
    }

    pub(super) async fn finish(&self, thread: &str, item: &str) -> Answer {
        self.write(
            thread,
            "POST",
            &format!("/items/{item}/finish"),
            json!({ "tokens": 7 }),
        )
        .await
    }

    pub(super) async fn abandon(&self, thread: &str, item: &str) -> Answer {
        let body = json!({ "reason": "changed my mind" });
        self.write(thread, "POST", &format!("/items/{item}/abandon"), body)
            .await
    }

    pub(super) async fn rename(&self, thread: &str, name: &str) -> Answer {
        self.write(thread, "PATCH", "", json!({ "name": name }))
            .await
    }

    pub(super) async fn permit(&self, thread: &str, permissions: &[&str]) -> Answer {
        self.write(
            thread,
            "PUT",
            "/permissions",
            json!({ "permissions": permissions }),
        )
        .await
    }

    pub(super) async fn join(&self, thread: &str, user: &str) -> Answer {
        let path = format!("/participants/user:{user}");
        self.write(thread, "PUT", &path, json!({ "role": "member" }))
            .await
    }

    pub(super) async fn part(&self, thread: &str, user: &str) -> Answer {
        self.write(
            thread,
            "DELETE",
            &format!("/participants/user:{user}"),
            Value::Null,
        )
        .await
    }

    pub(super) async fn delete(&self, thread: &str) -> Answer {
        self.write(thread, "DELETE", "", Value::Null).await
    }

    pub(super) async fn write(
        &self,
        thread: &str,
        method: &str,
        rest: &str,
        body: Value,
    ) -> Answer {
        let path = format!("/v1/threads/{thread}{rest}");
        let body = Some(body).filter(|body| !body.is_null());
        let answer = self.server.with_key(&self.key, method, &path, body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
        answer
    }
}
