//! The interest index.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};

use compact_str::CompactString;
use everlog_domain::envelope::StreamKind;
use everlog_domain::ids::{Offset, ProjectNumber, ThreadId};
use everlog_domain::ports::Projected;
use parking_lot::Mutex;

use super::published::Published;
use super::ring::{Read, Ring};
use super::waker::{Slot, Waker};

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Interest {
    /// One thread and its items.
    Thread(ProjectNumber, ThreadId),
    /// Every event of a project.
    Project(ProjectNumber),
}

/// How much the hub keeps.
#[derive(Debug, Clone, Copy)]
pub struct HubBounds {
    /// Events of one ring.
    pub ring_events: usize,
    /// Bytes of one ring.
    pub ring_bytes: usize,
    /// Bytes of all rings together. Beyond it, rings keep nothing and readers read the log.
    pub bytes: usize,
}

impl Default for HubBounds {
    fn default() -> Self {
        Self {
            ring_events: 512,
            ring_bytes: 1024 * 1024,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// Knows who watches what. A handle: clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    bounds: HubBounds,
    projects: Mutex<HashMap<ProjectNumber, Watched>>,
    watches: AtomicU64,
    /// Bytes in all rings. Shared with them, so that a ring gives back what it held when it goes.
    bytes: Arc<AtomicIsize>,
}

/// What is watched of a project. There while something is.
#[derive(Debug, Default)]
struct Watched {
    threads: HashMap<CompactString, Arc<Topic>>,
    whole: Option<Arc<Topic>>,
    access: HashMap<u64, Waker>,
}

#[derive(Debug)]
struct Topic {
    ring: Mutex<Ring>,
    watchers: Mutex<HashMap<u64, (Waker, Slot)>>,
    bytes: Arc<AtomicIsize>,
}

impl Hub {
    /// A hub with bounds of its own.
    #[must_use]
    pub fn new(bounds: HubBounds) -> Self {
        Self(Arc::new(Shared {
            bounds,
            ..Shared::default()
        }))
    }

    /// Shows events to those who watch them. They are durable and projected, those of one project
    /// in the order of their offsets, and the project's access epoch has moved where one of them
    /// moves it. Waits for nobody.
    pub fn publish(&self, batch: &[Projected]) {
        let mut shown = HashMap::new();
        for projected in batch {
            let topics = self.0.topics_of(projected);
            if topics.iter().all(Option::is_none) {
                continue;
            }
            let event = Arc::new(Published::new(projected.clone()));
            for topic in topics.into_iter().flatten() {
                self.0.push(&topic, Arc::clone(&event));
                shown.insert(Arc::as_ptr(&topic), topic);
            }
        }
        // Woken once the whole batch is there, a connection writes all of it in one call.
        shown.values().for_each(|topic| topic.wake());
    }

    /// Watches something: `waker` is marked at `slot` with each event, until the watch is dropped.
    ///
    /// What was published before is in no ring. Take a view of the rows after this call, read up to
    /// its head, and then go on with [`Watch::read`]: nothing is missing in between.
    #[must_use]
    pub fn watch(&self, interest: Interest, waker: &Waker, slot: Slot) -> Watch {
        let number = self.0.number();
        let mut projects = self.0.projects.lock();
        let topic = projects
            .entry(interest.project())
            .or_default()
            .topic(&interest, &self.0.bytes);
        topic.watchers.lock().insert(number, (waker.clone(), slot));
        Watch {
            hub: self.clone(),
            interest,
            number,
            topic,
        }
    }

    /// Marks the waker when somebody's access in the project changes, until this is dropped.
    #[must_use]
    pub fn watch_access(&self, project: ProjectNumber, waker: &Waker) -> AccessWatch {
        let number = self.0.number();
        let mut projects = self.0.projects.lock();
        projects
            .entry(project)
            .or_default()
            .access
            .insert(number, waker.clone());
        AccessWatch {
            hub: self.clone(),
            project,
            number,
        }
    }

    /// Bytes in all rings, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        usize::try_from(self.0.bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Rings that are kept.
    #[must_use]
    pub fn rings(&self) -> usize {
        let rings =
            |watched: &Watched| watched.threads.len() + usize::from(watched.whole.is_some());
        self.0.projects.lock().values().map(rings).sum()
    }
}

impl Shared {
    fn number(&self) -> u64 {
        self.watches.fetch_add(1, Ordering::Relaxed)
    }

    /// Those who watch the thread, and those who watch the project. Wakes who must ask again what
    /// they may.
    fn topics_of(&self, projected: &Projected) -> [Option<Arc<Topic>>; 2] {
        let envelope = &projected.recorded.envelope;
        let projects = self.projects.lock();
        let Some(watched) = projects.get(&envelope.project) else {
            return [None, None];
        };
        if envelope.kind.changes_access() {
            watched.access.values().for_each(Waker::mark_access);
        }
        let thread = match envelope.stream.kind {
            StreamKind::Thread => watched.threads.get(&envelope.stream.id).cloned(),
            StreamKind::Project | StreamKind::User | StreamKind::Key => None,
        };
        [thread, watched.whole.clone()]
    }

    fn push(&self, topic: &Topic, event: Arc<Published>) {
        let full = self.bytes.load(Ordering::Relaxed) > self.bounds.bytes.cast_signed();
        let bytes = if full { 0 } else { self.bounds.ring_bytes };
        let grown = topic
            .ring
            .lock()
            .push(event, self.bounds.ring_events, bytes);
        self.bytes.fetch_add(grown, Ordering::Relaxed);
    }
}

impl Topic {
    fn new(bytes: &Arc<AtomicIsize>) -> Arc<Self> {
        Arc::new(Self {
            ring: Mutex::default(),
            watchers: Mutex::default(),
            bytes: Arc::clone(bytes),
        })
    }

    fn wake(&self) {
        self.watchers
            .lock()
            .values()
            .for_each(|(waker, slot)| waker.mark(*slot));
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let held = self.ring.get_mut().bytes().cast_signed();
        self.bytes.fetch_sub(held, Ordering::Relaxed);
    }
}

impl Watched {
    fn topic(&mut self, interest: &Interest, bytes: &Arc<AtomicIsize>) -> Arc<Topic> {
        let fresh = || Topic::new(bytes);
        let topic = match interest {
            Interest::Thread(_, thread) => self
                .threads
                .entry(CompactString::new(thread.as_str()))
                .or_insert_with(fresh),
            Interest::Project(_) => self.whole.get_or_insert_with(fresh),
        };
        Arc::clone(topic)
    }

    fn forget(&mut self, interest: &Interest) {
        match interest {
            Interest::Thread(_, thread) => drop(self.threads.remove(thread.as_str())),
            Interest::Project(_) => self.whole = None,
        }
    }

    fn is_idle(&self) -> bool {
        self.threads.is_empty() && self.whole.is_none() && self.access.is_empty()
    }
}

impl Interest {
    /// The project that it lies in.
    #[must_use]
    pub const fn project(&self) -> ProjectNumber {
        match self {
            Self::Thread(project, _) | Self::Project(project) => *project,
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
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut projects = self.hub.0.projects.lock();
        let unwatched = {
            let mut watchers = self.topic.watchers.lock();
            watchers.remove(&self.number);
            watchers.is_empty()
        };
        let Some(watched) = projects.get_mut(&self.interest.project()) else {
            return;
        };
        if unwatched {
            watched.forget(&self.interest);
        }
        if watched.is_idle() {
            projects.remove(&self.interest.project());
        }
    }
}

/// A watch on access in a project. Dropped, it ends.
#[derive(Debug)]
pub struct AccessWatch {
    hub: Hub,
    project: ProjectNumber,
    number: u64,
}

impl Drop for AccessWatch {
    fn drop(&mut self) {
        let mut projects = self.hub.0.projects.lock();
        let Some(watched) = projects.get_mut(&self.project) else {
            return;
        };
        watched.access.remove(&self.number);
        if watched.is_idle() {
            projects.remove(&self.project);
        }
    }
}
