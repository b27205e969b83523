//! Batches of plain events, made by the domain's own arbiter, for tests of logs.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "called by tests only: the panic is the report"
)]

use std::collections::HashMap;

use everlog_domain::access::Principal;
use everlog_domain::envelope::Stream;
use everlog_domain::event::Event;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, ItemId, ProjectNumber, ProjectUid, ThreadId};
use everlog_domain::log::{Append, Arbiter, Batch, Draft, ProjectHead};
use everlog_domain::ports::{Log, Subject};
use everlog_domain::threads::{Author, ItemPosted, ItemRole, Metadata, Part, ThreadEvent};
use everlog_domain::time::Time;

/// Makes batches that continue a log.
#[derive(Debug)]
pub struct Batches {
    arbiter: Arbiter,
    known: HashMap<ProjectNumber, ProjectUid>,
    commit: CommitNumber,
}

/// An event that posts a text into the project's one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The project.
    pub project: ProjectNumber,
    /// The text.
    pub text: String,
}

impl Post {
    /// A text of a project.
    #[must_use]
    pub fn new(project: u64, text: &str) -> Self {
        Self {
            project: ProjectNumber(project),
            text: text.to_owned(),
        }
    }
}

/// The identity that a project of these batches has.
#[must_use]
pub fn uid(project: ProjectNumber) -> ProjectUid {
    let digest = Hash::of(&[b"project of a test", &project.0.to_be_bytes()]);
    let mut uid = [0; 16];
    uid.copy_from_slice(&digest.as_bytes()[..16]);
    ProjectUid(uid)
}

/// An event that says the text.
#[must_use]
pub fn posted(text: &str) -> Event {
    Event::Thread(ThreadEvent::ItemPosted(ItemPosted {
        item: ItemId::from_seed(text.as_bytes()),
        author: Author::principal(&Principal::System),
        role: ItemRole::User,
        parts: vec![Part::Text {
            text: text.to_owned(),
        }],
        metadata: Metadata::default(),
        tokens: None,
        parent: None,
        mentions: None,
    }))
}

impl Batches {
    /// Batches that begin an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::after(CommitNumber(0), &[])
    }

    /// Batches that continue after a commit, at which these projects had these heads.
    #[must_use]
    pub fn after(commit: CommitNumber, heads: &[(ProjectNumber, ProjectHead)]) -> Self {
        let mut arbiter = Arbiter::new(commit);
        let mut known = HashMap::new();
        for (project, head) in heads {
            arbiter
                .activate(*project, *head, commit)
                .expect("a fresh arbiter takes every project");
            known.insert(*project, head.uid);
        }
        Self {
            arbiter,
            known,
            commit,
        }
    }

    /// The next batch, its payloads sealed by the log.
    pub fn next(&mut self, log: &dyn Log, posts: &[Post]) -> Batch {
        let mut open = self.arbiter.begin();
        for post in posts {
            let append = self.append(log, post);
            self.arbiter
                .admit(&mut open, append)
                .expect("nothing was expected, so nothing has moved");
        }
        let batch = open.seal();
        self.commit = batch.manifest.commit;
        batch
    }

    fn append(&mut self, log: &dyn Log, post: &Post) -> Append {
        let project = post.project;
        if !self.known.contains_key(&project) {
            let uid = uid(project);
            self.arbiter
                .activate(project, ProjectHead::empty(uid), self.commit)
                .expect("a new project's head is known as of now");
            self.known.insert(project, uid);
        }
        let thread = ThreadId::from_seed(&project.0.to_be_bytes());
        let event = posted(&post.text);
        let subject = Subject::Thread(thread.as_str().into());
        let sealed = log
            .seal(self.known[&project], &subject, &event)
            .expect("a small payload is sealed");
        Append {
            project,
            ticket: None,
            expected: Vec::new(),
            as_of: self.commit,
            claims: Vec::new(),
            access_epoch: None,
            idempotency: None,
            principal: Principal::System,
            on_behalf_of: None,
            cause: None,
            time: Time(1_700_000_000_000_000),
            drafts: vec![Draft {
                stream: Stream::thread(&thread),
                event,
                sealed,
            }],
        }
    }
}

impl Default for Batches {
    fn default() -> Self {
        Self::new()
    }
}
