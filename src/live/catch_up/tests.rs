//! Pages of the past, read from engines in memory through a view that counts.

use std::sync::atomic::{AtomicUsize, Ordering};

use everlog_actors::{CommitterMode, IdOrigin, Node, NodeOptions, ThreadRequest};
use everlog_domain::envelope::{Head, Stream};
use everlog_domain::event::Event;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{
    CONSOLE, CommitNumber, ItemId, ProjectNumber, ProjectUid, Scope, ThreadId,
};
use everlog_domain::log::{Batch, Manifest, ProjectHead, Sealed};
use everlog_domain::ports::{
    AppendFailure, Page as RowsPage, Rows, RowsFailure, SealFailure, StreamBack, StreamEntry,
    StreamRange, Subject, Visibility,
};
use everlog_domain::query::Query;
use everlog_domain::tables::{Row, TableNumber};
use everlog_domain::threads::{
    CreateThread, ItemRole, Metadata, NewItem, Part, PostItem, ThreadCommand,
};
use everlog_domain::time::Time;
use everlog_domain::value::Value;
use everlog_kit::{MemoryLog, MemoryRows};
use serde_json::json;

use super::*;
use crate::live::opening::{From, Wanted};

/// A view that counts the readings of the stream index.
struct Counting {
    view: Box<dyn RowsView>,
    readings: AtomicUsize,
}

impl RowsView for Counting {
    fn commit(&self) -> CommitNumber {
        self.view.commit()
    }

    fn get(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        key: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        self.view.get(project, table, key)
    }

    fn find(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        index: u16,
        values: &[Value],
    ) -> Result<Option<Row>, RowsFailure> {
        self.view.find(project, table, index, values)
    }

    fn scan(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        prefix: &[Value],
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, RowsFailure> {
        self.view.scan(project, table, prefix, after, limit)
    }

    fn list(
        &self,
        project: ProjectNumber,
        table: TableNumber,
        query: &Query,
        visibility: Visibility<'_>,
    ) -> Result<RowsPage, RowsFailure> {
        self.view.list(project, table, query, visibility)
    }

    fn stream_head(
        &self,
        project: ProjectNumber,
        stream: &Stream,
    ) -> Result<Option<Head>, RowsFailure> {
        self.view.stream_head(project, stream)
    }

    fn stream(
        &self,
        project: ProjectNumber,
        range: &StreamRange,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        self.readings.fetch_add(1, Ordering::Relaxed);
        self.view.stream(project, range)
    }

    fn lives(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Offset>, RowsFailure> {
        self.view.lives(project, stream, from, limit)
    }

    fn stream_head_at(
        &self,
        project: ProjectNumber,
        stream: &Stream,
        at: Offset,
    ) -> Result<Option<Head>, RowsFailure> {
        self.view.stream_head_at(project, stream, at)
    }

    fn stream_back(
        &self,
        project: ProjectNumber,
        range: &StreamBack,
    ) -> Result<Vec<StreamEntry>, RowsFailure> {
        self.view.stream_back(project, range)
    }

    fn project_head(&self, project: ProjectNumber) -> Result<Option<ProjectHead>, RowsFailure> {
        self.view.project_head(project)
    }

    fn granted(
        &self,
        project: ProjectNumber,
        scope: &Scope,
        now: Time,
    ) -> Result<Option<(Offset, Hash)>, RowsFailure> {
        self.view.granted(project, scope, now)
    }

    fn dump(&self, project: ProjectNumber, line: &mut dyn FnMut(&str)) -> Result<(), RowsFailure> {
        self.view.dump(project, line)
    }
}

/// A log that counts the events that are read at their places.
struct Counted {
    log: Arc<MemoryLog>,
    read: AtomicUsize,
}

impl Log for Counted {
    fn seal(
        &self,
        uid: ProjectUid,
        subject: &Subject,
        event: &Event,
    ) -> Result<Sealed, SealFailure> {
        self.log.seal(uid, subject, event)
    }

    fn append(&self, batch: &Batch) -> Result<(), AppendFailure> {
        self.log.append(batch)
    }

    fn head(&self) -> CommitNumber {
        self.log.head()
    }

    fn read(
        &self,
        project: ProjectNumber,
        from: Offset,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.log.read(project, from, limit)
    }

    fn read_at(
        &self,
        project: ProjectNumber,
        offsets: &[Offset],
    ) -> Result<Vec<Recorded>, ReadFailure> {
        self.read.fetch_add(offsets.len(), Ordering::Relaxed);
        self.log.read_at(project, offsets)
    }

    fn manifests(&self, after: CommitNumber, limit: usize) -> Result<Vec<Manifest>, ReadFailure> {
        self.log.manifests(after, limit)
    }

    fn stored_bytes(&self, project: ProjectNumber) -> Result<u64, ReadFailure> {
        self.log.stored_bytes(project)
    }

    fn hash_at(&self, project: ProjectNumber, offset: Offset) -> Result<Hash, ReadFailure> {
        self.log.hash_at(project, offset)
    }
}

async fn act(node: &Node, thread: &str, command: ThreadCommand) {
    let request = ThreadRequest {
        caller: node.system(CONSOLE),
        thread: ThreadId::parse(thread).unwrap(),
        command,
        item_id: IdOrigin::Chosen,
        wish: None,
        now: crate::clock::now(),
    };
    node.thread(request).await.unwrap();
}

/// A thread whose row fills a third of a page.
fn create(thread: &str) -> ThreadCommand {
    ThreadCommand::Create(CreateThread {
        thread: ThreadId::parse(thread).unwrap(),
        name: None,
        metadata: Metadata::parse(json!({ "a": "x".repeat(6_000) })).unwrap(),
        permissions: None,
        participants: Vec::new(),
        template: None,
    })
}

fn post(number: u64) -> ThreadCommand {
    ThreadCommand::Post(PostItem {
        item: NewItem {
            id: ItemId::parse(&format!("i{number}")).unwrap(),
            role: ItemRole::User,
            parts: vec![Part::Text { text: "x".into() }],
            metadata: Metadata::default(),
            tokens: None,
            author: None,
            parent: None,
            mentions: everlog_domain::threads::Mentions::new(),
        },
    })
}

/// The links of a subscription to `threads` after an offset, and how often they took the stream
/// index.
fn read_on(
    view: &Counting,
    log: &dyn Log,
    caller: &Arc<Caller>,
    after: Offset,
) -> (Vec<Link>, usize) {
    let mut ask = Ask {
        texts: PastTexts::default(),
        caller: Arc::clone(caller),
        shown: Arc::new(Shown::Threads(Query::default())),
        after,
        known: None,
        folded: Arc::default(),
    };
    let (mut links, mut pages) = (Vec::new(), 0);
    loop {
        let past = read(view, log, &ask).unwrap();
        links.extend(past.links);
        pages += 1;
        match past.reach {
            Reach::Until(reached) => ask.after = reached,
            Reach::Head(_) => return (links, pages),
        }
    }
}

/// Whether a thread is long or its past is read in many pages: its life is folded once.
#[tokio::test]
async fn the_rows_of_threads_go_from_page_to_page() {
    const POSTS: u64 = 40;
    let options = NodeOptions {
        committer: CommitterMode::Inline,
        ..NodeOptions::new(ProjectUid([1; 16]))
    };
    let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(MemoryRows::new()));
    let node = Node::start(log.clone(), rows.clone(), options)
        .await
        .unwrap();
    let threads = ["a", "b"];
    for thread in threads {
        act(&node, thread, create(thread)).await;
    }
    for number in 0..POSTS {
        for thread in threads {
            act(&node, thread, post(number)).await;
        }
    }
    let view = Counting {
        view: rows.view(),
        readings: AtomicUsize::new(0),
    };
    let caller = Arc::new(node.system(CONSOLE));
    let (all, _) = read_on(&view, log.as_ref(), &caller, Offset(0));
    assert_eq!(
        view.readings.swap(0, Ordering::Relaxed),
        0,
        "met from the beginning on"
    );
    let after = all[9].offset;
    let (later, pages) = read_on(&view, log.as_ref(), &caller, after);
    let readings = view.readings.load(Ordering::Relaxed);
    assert_eq!(later.len(), all.len() - 10);
    assert!(pages > 10, "{pages} pages");
    assert_eq!(readings, threads.len(), "{readings} in {pages} pages");
    for (link, expected) in later.iter().zip(&all[10..]) {
        assert_eq!(link.offset, expected.offset);
        assert_eq!(text(link), text(expected));
    }
}

/// Everybody who comes back after a loss reads the same: once from the log, whoever else has
/// another part of it already.
#[tokio::test]
async fn readers_of_the_same_past_read_the_log_once() {
    const POSTS: u64 = 200;
    let options = NodeOptions {
        committer: CommitterMode::Inline,
        ..NodeOptions::new(ProjectUid([1; 16]))
    };
    let (log, rows) = (Arc::new(MemoryLog::new()), Arc::new(MemoryRows::new()));
    let node = Node::start(log.clone(), rows.clone(), options)
        .await
        .unwrap();
    act(&node, "a", create("a")).await;
    for number in 0..POSTS {
        act(&node, "a", post(number)).await;
    }
    let counted = Counted {
        log: log.clone(),
        read: AtomicUsize::new(0),
    };
    let view = rows.view();
    let caller = Arc::new(node.system(CONSOLE));
    let texts = PastTexts::default();
    let wanted = Wanted::parse("threads/a/items", &[]).unwrap();
    let opened = wanted.open(view.as_ref(), &caller, From::Start).unwrap();
    let past = |after: Offset, texts: &PastTexts| {
        let mut ask = Ask {
            texts: texts.clone(),
            caller: Arc::clone(&caller),
            shown: Arc::clone(&opened.shown),
            after,
            known: None,
            folded: Arc::default(),
        };
        let mut links = Vec::new();
        loop {
            let past = read(view.as_ref(), &counted, &ask).unwrap();
            links.extend(past.links);
            match past.reach {
                Reach::Until(reached) => ask.after = reached,
                Reach::Head(_) => return links,
            }
        }
    };
    let alone = past(Offset(0), &PastTexts::default());
    counted.read.store(0, Ordering::Relaxed);
    let posts = usize::try_from(POSTS).unwrap();
    assert_eq!(alone.len(), posts);
    let late = past(alone[149].offset, &texts);
    let both = [past(Offset(0), &texts), past(Offset(0), &texts)];
    assert_eq!(counted.read.load(Ordering::Relaxed), posts, "each once");
    assert_eq!(late.len(), 50);
    for links in both {
        let seen: Vec<_> = links.iter().map(|link| (link.offset, text(link))).collect();
        let expected: Vec<_> = alone.iter().map(|link| (link.offset, text(link))).collect();
        assert_eq!(seen, expected);
    }
}

fn text(link: &Link) -> &str {
    match &link.change {
        Change::Event(text) => text.as_str(),
        Change::Enter(text) => text,
        other => panic!("{other:?}"),
    }
}

/// A page that was given up is read again: rows that went past its place are of no use.
#[test]
fn rows_of_another_place_are_folded_again() {
    let mut folded = Folded::default();
    folded.begin(Offset(0));
    folded.end(Offset(10));
    assert!(folded.is_at(Offset(10)));
    assert!(!folded.is_at(Offset(5)));
    folded.begin(Offset(10));
    assert!(!folded.is_at(Offset(10)), "in the middle of a page");
}
