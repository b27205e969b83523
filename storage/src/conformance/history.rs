//! Histories of threads, items and people, made by the domain's own arbiter, for tests of rows.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use std::collections::HashMap;
use std::sync::Arc;

use everlog_domain::access::{Permissions, Principal, Scopes};
use everlog_domain::envelope::{DataKeyId, Head, Idempotency, Stream, StreamKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::identity::{
    EmailAddress, SessionCreated, SessionDeleted, UserCreated, UserName,
};
use everlog_domain::ids::{
    CommitNumber, ItemId, KeyId, Offset, Position, ProjectNumber, SessionId, ThreadId, UserId,
};
use everlog_domain::log::{
    Append, Arbiter, Basis, Batch, Draft, Expected, OpenBatch, ProjectHead, Sealed,
};
use everlog_domain::ports::{Log, Projected, Rows, Subject};
use everlog_domain::projects::{KeyCreated, KeyDeleted};
use everlog_domain::threads::{
    Author, Delta, ItemAbandoned, ItemDeleted, ItemDelta, ItemEdited, ItemFinished, ItemOpened,
    ItemPosted, ItemRole, Metadata, Part, Shares, ThreadAccess, ThreadCreated, ThreadDeleted,
    ThreadForked, ThreadName, ThreadPermissionsChanged, ThreadUpdated,
};
use everlog_domain::time::Time;
use serde_json::json;

use super::batches::uid;

/// When histories begin: 2023-11-14T22:13:20Z.
pub const BEGINNING: Time = Time(1_700_000_000_000_000);

/// A history that is being written. Events gather in a batch until [`History::commit`].
pub struct History<'l> {
    log: Option<&'l dyn Log>,
    arbiter: Arbiter,
    heads: HashMap<(ProjectNumber, Stream), Head>,
    known: Vec<ProjectNumber>,
    open: Option<OpenBatch>,
    committed: CommitNumber,
    /// When the next event happens.
    pub time: Time,
    /// The batches so far.
    pub batches: Vec<Batch>,
}

/// The events of a batch, as rows take them.
#[must_use]
pub fn events(batch: &Batch) -> Vec<Arc<Recorded>> {
    let events = batch.events.iter();
    events.map(|event| Arc::clone(&event.recorded)).collect()
}

/// Projects a batch.
pub fn project(rows: &dyn Rows, batch: &Batch) -> Vec<Projected> {
    let projected = rows.project(&batch.manifest, &events(batch));
    projected.expect("a batch of a sound history is projected")
}

/// Permissions that let these roles read.
#[must_use]
pub fn readable_by(roles: &[&str]) -> ThreadAccess {
    let texts: Vec<String> = roles
        .iter()
        .map(|role| format!("read(\"{role}\")"))
        .collect();
    ThreadAccess {
        permissions: Permissions::parse(&texts).expect("the roles are roles"),
        ..ThreadAccess::default()
    }
}

fn thread_id(thread: &str) -> ThreadId {
    ThreadId::parse(thread).expect("the id is one")
}

fn item_id(item: &str) -> ItemId {
    ItemId::parse(item).expect("the id is one")
}

fn user_id(user: &str) -> UserId {
    UserId::parse(user).expect("the id is one")
}

fn text(text: &str) -> Vec<Part> {
    let text = text.to_owned();
    vec![Part::Text { text }]
}

fn metadata(about: &str) -> Metadata {
    Metadata::parse(json!({ "about": about, "weight": 0.1 })).expect("the metadata is small")
}

impl Default for History<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'l> History<'l> {
    /// A history whose payloads are in no log.
    #[must_use]
    pub fn new() -> Self {
        Self {
            log: None,
            arbiter: Arbiter::new(CommitNumber(0)),
            heads: HashMap::new(),
            known: Vec::new(),
            open: None,
            committed: CommitNumber(0),
            time: BEGINNING,
            batches: Vec::new(),
        }
    }

    /// A history that goes into a log batch by batch.
    #[must_use]
    pub fn into_log(log: &'l dyn Log) -> Self {
        Self {
            log: Some(log),
            ..Self::new()
        }
    }

    /// Ends the batch. Answers with it, unless nothing happened.
    pub fn commit(&mut self) -> Option<&Batch> {
        let batch = self.open.take()?.seal();
        self.committed = batch.manifest.commit;
        if let Some(log) = self.log {
            log.append(&batch).expect("the log takes the batch");
        }
        self.batches.push(batch);
        self.batches.last()
    }

    /// The head of a stream.
    #[must_use]
    pub fn head(&self, project: u64, stream: &Stream) -> Option<Head> {
        let key = (ProjectNumber(project), stream.clone());
        self.heads.get(&key).copied()
    }

    /// Appends events to a stream, in answer to a wish. Answers with the last one's position.
    pub fn append(
        &mut self,
        project: u64,
        stream: &Stream,
        events: Vec<Event>,
        wish: Option<Idempotency>,
    ) -> Position {
        let project = ProjectNumber(project);
        self.activate(project);
        let key = (project, stream.clone());
        let head = self.heads.get(&key).copied();
        let begins = |event: &Event| {
            let creates = event.kind().creates_stream();
            creates.then(|| event.first_position())
        };
        let begins: Vec<_> = events.iter().map(begins).collect();
        let drafts = events.into_iter().map(|event| Draft {
            stream: stream.clone(),
            sealed: self.seal(project, stream, &event),
            event,
        });
        let append = Append {
            project,
            ticket: None,
            expected: vec![Expected {
                stream: stream.clone(),
                head,
                basis: Basis::Durable,
            }],
            as_of: self.committed,
            claims: Vec::new(),
            access_epoch: None,
            idempotency: wish,
            principal: Principal::System,
            on_behalf_of: None,
            cause: None,
            time: self.time,
            drafts: drafts.collect(),
        };
        let open = self.open.get_or_insert_with(|| self.arbiter.begin());
        let offsets = self.arbiter.admit(open, append);
        let offsets = offsets.expect("a sound history is admitted");
        let mut head = head;
        for (begins, offset) in begins.into_iter().zip(offsets) {
            head = Some(match (head, begins) {
                (Some(head), None) => Head {
                    position: head.position.next(),
                    ..head
                },
                (_, begins) => Head {
                    incarnation: offset,
                    position: begins.unwrap_or(Position(1)),
                },
            });
        }
        let head = head.expect("an append has an event");
        self.heads.insert(key, head);
        head.position
    }

    fn activate(&mut self, project: ProjectNumber) {
        if !self.known.contains(&project) {
            self.known.push(project);
            let head = ProjectHead::empty(uid(project));
            let activated = self.arbiter.activate(project, head, self.committed);
            activated.expect("a new project's head is known as of now");
        }
    }

    fn seal(&self, project: ProjectNumber, stream: &Stream, event: &Event) -> Sealed {
        let Some(log) = self.log else {
            return Sealed {
                bytes: Vec::new(),
                hash: Hash::of_bytes(&[]),
                key: DataKeyId(0),
            };
        };
        let subject = Subject::Thread(stream.id.clone());
        let sealed = log.seal(uid(project), &subject, event);
        sealed.expect("a small payload is sealed")
    }

    fn on_thread(&mut self, project: u64, thread: &str, event: impl Into<Event>) -> Position {
        let stream = Stream::thread(&thread_id(thread));
        self.append(project, &stream, vec![event.into()], None)
    }

    /// A thread begins, readable by some roles.
    pub fn create_thread(
        &mut self,
        project: u64,
        thread: &str,
        name: Option<&str>,
        readers: &[&str],
    ) {
        let event = ThreadCreated {
            thread: thread_id(thread),
            name: name.and_then(ThreadName::parse),
            metadata: metadata(thread),
            access: readable_by(readers),
            template: None,
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// A thread gets another name.
    pub fn rename_thread(&mut self, project: u64, thread: &str, name: &str) {
        let event = ThreadUpdated {
            name: ThreadName::parse(name),
            metadata: None,
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// Other roles may read a thread.
    pub fn set_readers(&mut self, project: u64, thread: &str, readers: &[&str]) {
        let access = readable_by(readers);
        let event = ThreadPermissionsChanged { access };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// A thread ends.
    pub fn delete_thread(&mut self, project: u64, thread: &str) {
        let event = ThreadDeleted {
            thread: thread_id(thread),
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// Somebody says something.
    pub fn post(&mut self, project: u64, thread: &str, item: &str) -> Position {
        let event = posted(item);
        self.on_thread(project, thread, event)
    }

    /// Somebody says something else than the item's name.
    pub fn post_text(&mut self, project: u64, thread: &str, item: &str, said: String) {
        let event = posted_with(item, vec![Part::Text { text: said }]);
        self.on_thread(project, thread, event);
    }

    /// Somebody says something, in answer to a wish.
    pub fn post_wished(&mut self, project: u64, thread: &str, items: &[&str], wish: Idempotency) {
        let stream = Stream::thread(&thread_id(thread));
        let events = items.iter().map(|item| posted(item)).collect();
        self.append(project, &stream, events, Some(wish));
    }

    /// An item says something else.
    pub fn edit_item(&mut self, project: u64, thread: &str, item: &str, opened: Position) {
        let event = ItemEdited {
            item: item_id(item),
            opened,
            parts: Some(text("something else")),
            metadata: None,
            tokens: None,
            mentions: None,
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// A complete item says nothing any more.
    pub fn delete_item(&mut self, project: u64, thread: &str, item: &str, opened: Position) {
        let event = ItemDeleted {
            item: item_id(item),
            opened,
            was_open: false,
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// A thread begins as another one stands, which goes on.
    pub fn fork_thread(&mut self, project: u64, source: &str, fork: &str) {
        let source_stream = Stream::thread(&thread_id(source));
        let head = self.head(project, &source_stream);
        let head = head.expect("the source is there");
        let event = ThreadForked {
            thread: thread_id(fork),
            shares: Shares {
                thread: thread_id(source),
                incarnation: head.incarnation,
                at: self.last_offset(project),
                until: head.position,
                without: Vec::new(),
                depth: 1,
            },
            item: None,
            name: None,
            metadata: metadata(fork),
            access: readable_by(&["any"]),
            continues: None,
            last_item_at: None,
        };
        self.on_thread(project, fork, Event::Thread(event.into()));
    }

    /// Somebody begins to say something. Answers with the position that names the item.
    pub fn open_item(&mut self, project: u64, thread: &str, item: &str) -> Position {
        let event = ItemOpened {
            item: item_id(item),
            author: Author::principal(&Principal::System),
            role: ItemRole::Assistant,
            parts: text(""),
            metadata: Metadata::default(),
            parent: None,
            mentions: None,
        };
        self.on_thread(project, thread, Event::Thread(event.into()))
    }

    /// Goes on saying it.
    pub fn append_delta(&mut self, project: u64, thread: &str, item: &str, opened: Position) {
        let text = "more ".to_owned();
        let event = ItemDelta {
            item: item_id(item),
            opened,
            deltas: vec![Delta::Text { part: 0, text }],
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// Has said it.
    pub fn finish_item(&mut self, project: u64, thread: &str, item: &str, opened: Position) {
        let event = ItemFinished {
            item: item_id(item),
            opened,
            parts: text("all of it"),
            metadata: metadata(item),
            tokens: Some(3),
            mentions: None,
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// Gives up saying it.
    pub fn abandon_item(&mut self, project: u64, thread: &str, item: &str, opened: Position) {
        let event = ItemAbandoned {
            item: item_id(item),
            opened,
            parts: text("half of it"),
            reason: None,
        };
        self.on_thread(project, thread, Event::Thread(event.into()));
    }

    /// Somebody registers.
    pub fn register(&mut self, project: u64, user: &str, email: &str) {
        let event = UserCreated {
            user: user_id(user),
            email: EmailAddress::parse(email).expect("the address is one"),
            password_hash: "$argon2id$".to_owned(),
            name: UserName::default(),
        };
        let stream = Stream::new(StreamKind::User, user);
        self.append(project, &stream, vec![Event::Identity(event.into())], None);
    }

    /// Somebody signs in.
    pub fn sign_in(&mut self, project: u64, user: &str, session: &str) {
        self.sign_in_with(project, user, session, &format!("{user}{session}"));
    }

    /// Somebody signs in, and the session gets this secret.
    pub fn sign_in_with(&mut self, project: u64, user: &str, session: &str, secret: &str) {
        let event = SessionCreated {
            session: SessionId::parse(session).expect("the id is one"),
            user: user_id(user),
            secret_hash: Self::secret_hash(secret),
            expire: self.time.plus_seconds(3_600),
            provider: "email".into(),
            ip: "192.0.2.1".into(),
            user_agent: "test".into(),
        };
        let stream = Stream::new(StreamKind::User, user);
        self.append(project, &stream, vec![Event::Identity(event.into())], None);
    }

    /// What a session keeps of its secret.
    #[must_use]
    pub fn secret_hash(secret: &str) -> Hash {
        Hash::of(&[secret.as_bytes()])
    }

    /// Somebody signs out.
    pub fn sign_out(&mut self, project: u64, user: &str, session: &str) {
        let event = SessionDeleted {
            session: SessionId::parse(session).expect("the id is one"),
            user: user_id(user),
        };
        let stream = Stream::new(StreamKind::User, user);
        self.append(project, &stream, vec![Event::Identity(event.into())], None);
    }

    /// A key is made.
    pub fn create_key(&mut self, project: u64, key: &str) {
        let event = KeyCreated {
            key: KeyId::parse(key).expect("the id is one"),
            name: "a key".to_owned(),
            scopes: Scopes::all(),
            secret_hash: Hash::of(&[key.as_bytes()]),
            expire: None,
        };
        let stream = Stream::new(StreamKind::Key, key);
        self.append(project, &stream, vec![Event::Project(event.into())], None);
    }

    /// A key is revoked.
    pub fn delete_key(&mut self, project: u64, key: &str) {
        let event = KeyDeleted {
            key: KeyId::parse(key).expect("the id is one"),
        };
        let stream = Stream::new(StreamKind::Key, key);
        self.append(project, &stream, vec![Event::Project(event.into())], None);
    }

    /// A wish by a number.
    #[must_use]
    pub fn wish(number: u8) -> Idempotency {
        Idempotency {
            scope: Hash::of(&[b"scope", &[number]]),
            body: Hash::of(&[b"body", &[number]]),
        }
    }

    /// The newest offset of a project in the batches so far.
    #[must_use]
    pub fn last_offset(&self, project: u64) -> Offset {
        let entries = self
            .batches
            .iter()
            .flat_map(|batch| &batch.manifest.entries);
        let entries = entries.filter(|entry| entry.project.0 == project);
        entries.map(|entry| entry.last).max().unwrap_or_default()
    }
}

fn posted(item: &str) -> Event {
    posted_with(item, text(item))
}

fn posted_with(item: &str, parts: Vec<Part>) -> Event {
    let event = ItemPosted {
        item: item_id(item),
        author: Author::principal(&Principal::System),
        role: ItemRole::User,
        parts,
        metadata: metadata(item),
        tokens: None,
        parent: None,
        mentions: None,
    };
    Event::Thread(event.into())
}
