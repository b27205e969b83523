//! The interest index.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use compact_str::CompactString;
use everlog_domain::access::Principal;
use everlog_domain::envelope::StreamKind;
use everlog_domain::ids::{Offset, ProjectNumber, ThreadId};
use everlog_domain::ports::Projected;
use everlog_domain::tables::TableNumber;
use everlog_domain::time::Time;
use parking_lot::Mutex;

use super::access_changes::{Access, delta_of};
use super::kept::{HubBounds, Kept};
use super::presence::Presence;
use super::published::Published;
use super::ring::Read;
use super::topic::Topic;
use super::waker::{Slot, Waker};

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Interest {
    /// One thread and its items.
    Thread(ProjectNumber, ThreadId),
    /// The events of a project that change a row of a table with readers.
    Table(ProjectNumber, TableNumber),
    /// Every event of a project.
    Project(ProjectNumber),
}

/// Knows who watches what. A handle: clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    kept: Kept,
    projects: Mutex<HashMap<ProjectNumber, Watched>>,
    next_watch: AtomicU64,
    watches: AtomicUsize,
}

/// What is watched of a project. There while something is.
#[derive(Debug, Default)]
struct Watched {
    threads: HashMap<CompactString, Arc<Topic>>,
    tables: HashMap<TableNumber, Arc<Topic>>,
    whole: Option<Arc<Topic>>,
    callers: Arc<Callers>,
}

/// The connections whose callers were authenticated in a project.
#[derive(Debug, Default)]
struct Callers(Mutex<HashMap<u64, Waker>>);

impl Hub {
    /// A hub with bounds of its own.
    #[must_use]
    pub fn new(bounds: HubBounds) -> Self {
        Self(Arc::new(Shared {
            kept: Kept::new(bounds),
            ..Shared::default()
        }))
    }

    /// Tells of who may read what from here on. The events are projected and not answered yet: an
    /// answer to a revocation promises that nothing goes out past it.
    pub fn tell_access(&self, batch: &[Projected]) {
        for projected in batch {
            let Some(delta) = delta_of(projected) else {
                continue;
            };
            for topic in self.0.topics_of(projected) {
                topic.access.tell(projected, delta);
            }
        }
    }

    /// Shows events to those who watch them. They are durable and projected, those of one project
    /// in the order of their offsets, the project's epochs have moved where one of them moves them,
    /// and [`Hub::tell_access`] has told of them. Waits for nobody.
    pub fn publish(&self, batch: &[Projected]) {
        let mut shown = HashMap::new();
        let mut revoked = HashMap::new();
        for projected in batch {
            let envelope = &projected.recorded.envelope;
            if envelope.kind.revokes_callers() {
                revoked.extend(self.0.callers_of(envelope.project));
            }
            let topics = self.0.topics_of(projected);
            if topics.is_empty() {
                continue;
            }
            let event = Arc::new(Published::new(projected.clone()));
            for topic in topics {
                if let Some(expired) = event.expires() {
                    let is_withheld = |held: &Published| held.is_withheld(&event, expired);
                    self.0.kept.let_go(&topic, is_withheld);
                }
                self.0.kept.push(&topic, Arc::clone(&event));
                shown.insert(Arc::as_ptr(&topic), topic);
            }
        }
        // Woken once the whole batch is there, a connection writes all of it in one call.
        shown.values().for_each(|topic| topic.wake());
        revoked.values().for_each(|callers| callers.wake());
    }

    /// Watches something: `waker` is marked at `slot` with each event, until the watch is dropped.
    ///
    /// What was published before is in no ring. Take a view of the rows after this call, read up to
    /// its head, and then go on with [`Watch::read`]: nothing is missing in between.
    #[must_use]
    pub fn watch(&self, interest: Interest, waker: &Waker, slot: Slot) -> Watch {
        let number = self.0.number();
        let topic = {
            let mut projects = self.0.projects.lock();
            let watched = projects.entry(interest.project()).or_default();
            let topic = watched.topic(&interest);
            topic.enter(number, waker, slot);
            topic
        };
        self.0.watches.fetch_add(1, Ordering::Relaxed);
        Watch {
            hub: self.clone(),
            interest,
            number,
            topic,
        }
    }

    /// Marks the waker when a caller of the project loses what it was authenticated by, until this
    /// is dropped.
    #[must_use]
    pub fn watch_callers(&self, project: ProjectNumber, waker: &Waker) -> CallersWatch {
        let number = self.0.number();
        let mut projects = self.0.projects.lock();
        let callers = &projects.entry(project).or_default().callers;
        callers.0.lock().insert(number, waker.clone());
        CallersWatch {
            hub: self.clone(),
            project,
            number,
        }
    }

    /// Tells those who are in a thread that a principal types there until then, unless that is said
    /// again, or that it has stopped. Who listens may read the thread; whether the principal may
    /// write is the caller's to know.
    pub fn tell_typing(
        &self,
        project: ProjectNumber,
        thread: &ThreadId,
        principal: &Principal,
        until: Option<Time>,
        now: Time,
    ) {
        let topic = {
            let projects = self.0.projects.lock();
            let watched = projects.get(&project);
            watched.and_then(|watched| watched.threads.get(thread.as_str()).cloned())
        };
        if let Some(topic) = topic {
            topic.signals.types(&principal.to_string(), until, now);
        }
    }

    /// Bytes in all rings, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.kept.bytes()
    }

    /// Rings that are kept.
    #[must_use]
    pub fn rings(&self) -> usize {
        self.0.projects.lock().values().map(Watched::topics).sum()
    }

    /// Watches that there are.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.0.watches.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn number(&self) -> u64 {
        self.next_watch.fetch_add(1, Ordering::Relaxed)
    }

    /// What is watched that the event is of.
    fn topics_of(&self, projected: &Projected) -> Vec<Arc<Topic>> {
        let envelope = &projected.recorded.envelope;
        let projects = self.projects.lock();
        let Some(watched) = projects.get(&envelope.project) else {
            return Vec::new();
        };
        let thread = match envelope.stream.kind {
            StreamKind::Thread => watched.threads.get(&envelope.stream.id),
            StreamKind::Project | StreamKind::User | StreamKind::Key | StreamKind::Template => None,
        };
        let changes = |table| projected.deltas.iter().any(|delta| delta.table == table);
        let tables = watched.tables.iter();
        let tables = tables.filter_map(|(table, topic)| changes(*table).then_some(topic));
        let topics = thread.into_iter().chain(tables).chain(&watched.whole);
        topics.cloned().collect()
    }

    fn callers_of(&self, project: ProjectNumber) -> Option<(ProjectNumber, Arc<Callers>)> {
        let projects = self.projects.lock();
        let callers = Arc::clone(&projects.get(&project)?.callers);
        Some((project, callers))
    }
}

impl Callers {
    fn wake(&self) {
        self.0.lock().values().for_each(Waker::mark_callers);
    }
}

impl Watched {
    fn topic(&mut self, interest: &Interest) -> Arc<Topic> {
        let fresh = || Arc::new(Topic::new(interest.project()));
        let topic = match interest {
            Interest::Thread(_, thread) => self
                .threads
                .entry(CompactString::new(thread.as_str()))
                .or_insert_with(fresh),
            Interest::Table(_, table) => self.tables.entry(*table).or_insert_with(fresh),
            Interest::Project(_) => self.whole.get_or_insert_with(fresh),
        };
        Arc::clone(topic)
    }

    fn forget(&mut self, interest: &Interest) {
        match interest {
            Interest::Thread(_, thread) => drop(self.threads.remove(thread.as_str())),
            Interest::Table(_, table) => drop(self.tables.remove(table)),
            Interest::Project(_) => self.whole = None,
        }
    }

    fn topics(&self) -> usize {
        self.threads.len() + self.tables.len() + usize::from(self.whole.is_some())
    }

    fn is_idle(&self) -> bool {
        self.topics() == 0 && self.callers.0.lock().is_empty()
    }
}

impl Interest {
    /// The project that it lies in.
    #[must_use]
    pub const fn project(&self) -> ProjectNumber {
        match self {
            Self::Thread(project, _) | Self::Table(project, _) | Self::Project(project) => *project,
        }
    }
}

/// A watch on something. Dropped, it ends; the ring of what nobody watches goes.
#[derive(Debug)]
pub struct Watch {
    hub: Hub,
    interest: Interest,
    number: u64,
    topic: Arc<Topic>,
}

impl Watch {
    /// Events after an offset that the reader has reached: at most `limit`, and of at most
    /// `bytes` if that is not less than one.
    #[must_use]
    pub fn read(&self, after: Offset, limit: usize, bytes: usize) -> Read {
        self.topic.ring.lock().read(after, limit, bytes)
    }

    /// The principal is there from now on, for all who watch the same in this way: `waker` is marked
    /// at `slot` with each change of who is there and who types.
    #[must_use]
    pub fn enter(&self, principal: &Principal, waker: &Waker, slot: Slot) -> Presence {
        Presence::begin(Arc::clone(&self.topic), &principal.to_string(), waker, slot)
    }

    /// What has become, after an offset, of who may read a life of a thread that this watch shows.
    /// As for events, what was before the watch is found in a view of the rows taken after it.
    #[must_use]
    pub fn access_after(&self, thread: &str, incarnation: Offset, offset: Offset) -> Access {
        self.topic.access.after(thread, incarnation, offset)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.0.watches.fetch_sub(1, Ordering::Relaxed);
        let mut projects = self.hub.0.projects.lock();
        if !self.topic.leave(self.number) {
            return;
        }
        if let Some(watched) = projects.get_mut(&self.interest.project()) {
            watched.forget(&self.interest);
            if watched.is_idle() {
                projects.remove(&self.interest.project());
            }
        }
        drop(projects);
        self.hub.0.kept.forget(&self.topic);
    }
}

/// A watch on the callers of a project. Dropped, it ends.
#[derive(Debug)]
pub struct CallersWatch {
    hub: Hub,
    project: ProjectNumber,
    number: u64,
}

impl Drop for CallersWatch {
    fn drop(&mut self) {
        let mut projects = self.hub.0.projects.lock();
        let Some(watched) = projects.get_mut(&self.project) else {
            return;
        };
        watched.callers.0.lock().remove(&self.number);
        if watched.is_idle() {
            projects.remove(&self.project);
        }
    }
}
