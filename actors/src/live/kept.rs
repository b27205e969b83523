//! What all rings hold together, and which of them gives up something when that is too much: the
//! oldest event of all goes first, so that what is idle makes room for what is written. No project
//! holds more than half, so that none pushes out all others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use everlog_domain::ids::ProjectNumber;
use parking_lot::Mutex;

use super::published::Published;
use super::ring::Ring;
use super::topic::Topic;

/// How much the hub keeps.
#[derive(Debug, Clone, Copy)]
pub struct HubBounds {
    /// Events of one ring.
    pub ring_events: usize,
    /// Bytes of one ring.
    pub ring_bytes: usize,
    /// Bytes of all rings together, half of which one project may have. Beyond it the oldest events
    /// go, and whoever has not read them yet reads the log.
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

/// The events in all rings. Whatever changes a ring goes through here.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bounds: HubBounds,
    totals: Mutex<Totals>,
}

#[derive(Debug, Default)]
struct Totals {
    bytes: usize,
    of_projects: HashMap<ProjectNumber, usize>,
    /// Rings that hold something, by the age of their oldest event.
    by_age: BTreeMap<u64, Arc<Topic>>,
    /// The same, by project.
    by_project: BTreeMap<(ProjectNumber, u64), Arc<Topic>>,
    next_age: u64,
}

impl Kept {
    pub(super) fn new(bounds: HubBounds) -> Self {
        Self {
            bounds,
            totals: Mutex::default(),
        }
    }

    /// Takes an event into a ring. What is too old for the bounds goes.
    pub(super) fn push(&self, topic: &Arc<Topic>, event: Arc<Published>) {
        let HubBounds {
            ring_events,
            ring_bytes,
            bytes,
        } = self.bounds;
        let mut totals = self.totals.lock();
        let age = totals.next_age;
        totals.next_age += 1;
        totals.change(topic, |ring| ring.push(age, event, ring_events, ring_bytes));
        while totals.of(topic.project) > bytes / 2
            && let Some(oldest) = totals.oldest_of(topic.project)
        {
            totals.change(&oldest, Ring::drop_oldest);
        }
        while totals.bytes > bytes
            && let Some(oldest) = totals.oldest()
        {
            totals.change(&oldest, Ring::drop_oldest);
        }
    }

    /// Events of a ring are withheld from here on: they go, and what is older with them.
    pub(super) fn let_go(&self, topic: &Arc<Topic>, is_withheld: impl Fn(&Published) -> bool) {
        self.totals
            .lock()
            .change(topic, |ring| ring.let_go(is_withheld));
    }

    /// Nobody watches a topic any more: its ring gives up everything, for good.
    pub(super) fn forget(&self, topic: &Arc<Topic>) {
        self.totals.lock().change(topic, Ring::close);
    }

    /// Bytes in all rings, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.totals.lock().bytes
    }
}

impl Totals {
    fn change(&mut self, topic: &Arc<Topic>, change: impl FnOnce(&mut Ring)) {
        let project = topic.project;
        let (before, after) = {
            let mut ring = topic.ring.lock();
            let before = (ring.bytes(), ring.oldest());
            change(&mut ring);
            (before, (ring.bytes(), ring.oldest()))
        };
        self.bytes = self.bytes - before.0 + after.0;
        let own = self.of_projects.entry(project).or_default();
        *own = *own - before.0 + after.0;
        if *own == 0 {
            self.of_projects.remove(&project);
        }
        if before.1 == after.1 {
            return;
        }
        if let Some(age) = before.1 {
            self.by_age.remove(&age);
            self.by_project.remove(&(project, age));
        }
        if let Some(age) = after.1 {
            self.by_age.insert(age, Arc::clone(topic));
            self.by_project.insert((project, age), Arc::clone(topic));
        }
    }

    fn of(&self, project: ProjectNumber) -> usize {
        self.of_projects.get(&project).copied().unwrap_or(0)
    }

    fn oldest(&self) -> Option<Arc<Topic>> {
        self.by_age.values().next().cloned()
    }

    fn oldest_of(&self, project: ProjectNumber) -> Option<Arc<Topic>> {
        let own = (project, 0)..=(project, u64::MAX);
        self.by_project
            .range(own)
            .next()
            .map(|(_, topic)| Arc::clone(topic))
    }
}
