//! Follows a project live: the ring while it keeps up, the log when it has fallen behind.

use std::sync::Arc;

use everlog_actors::Node;
use everlog_actors::live::{Interest, Read, Slot, Waker};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log as _, Rows as _};

use super::chance::Chance;
use super::ledger::{SharedLedger, invariant};
use super::machine::Machine;

pub(super) struct Follower {
    pub(super) project: ProjectNumber,
    pub(super) node: Node,
    pub(super) machine: Arc<Machine>,
    pub(super) ledger: SharedLedger,
    pub(super) chance: Chance,
    /// The newest event that it has seen, also in earlier lives.
    pub(super) reached: Arc<parking_lot::Mutex<Offset>>,
}

impl Follower {
    /// Follows until the runtime is dropped.
    pub(super) async fn run(mut self) {
        let waker = Waker::new();
        let slot = Slot::new(0).expect("there is a first slot");
        let watch = self
            .node
            .hub()
            .watch(Interest::Project(self.project), &waker, slot);
        // What came before the watch is in no ring.
        self.read_log();
        while !self.machine.has_crashed() {
            let after = *self.reached.lock();
            let limit = 1 + usize::try_from(self.chance.below(6)).unwrap_or(0);
            match watch.read(after, limit, 1 << 20) {
                Read::Behind => {
                    self.read_log();
                    if *self.reached.lock() == after {
                        // Nothing that can be shown yet: the next event wakes.
                        waker.woken().await;
                        let _ = waker.take();
                    }
                }
                Read::Events(events) if events.is_empty() => {
                    waker.woken().await;
                    let _ = waker.take();
                    // Sometimes it is slow, and its ring goes on without it.
                    for _ in 0..self.chance.below(12) {
                        tokio::task::yield_now().await;
                    }
                }
                Read::Events(events) => {
                    for event in events {
                        self.see(event.offset());
                    }
                }
            }
        }
    }

    fn read_log(&self) {
        let visible = self.machine.visible(self.project);
        let after = *self.reached.lock();
        let events = self
            .machine
            .log
            .read(self.project, after.next(), usize::MAX);
        for event in events.unwrap_or_default() {
            if event.envelope.offset <= visible {
                self.see(event.envelope.offset);
            }
        }
    }

    fn see(&self, offset: Offset) {
        if self.machine.has_crashed() {
            return;
        }
        let mut reached = self.reached.lock();
        let expected = reached.next();
        if offset != expected {
            let detail = format!("project {}: {offset} came, not {expected}", self.project);
            let mut ledger = self.ledger.lock();
            ledger.broke(invariant::FOLLOWER_MISSES_NOTHING, detail);
        }
        let shown = self.machine.rows.view().project_head(self.project);
        let shown = shown.ok().flatten().map_or(Offset(0), |head| head.offset);
        if offset > self.machine.durable(self.project) || offset > shown {
            let detail = format!("project {}: a follower saw {offset}", self.project);
            let mut ledger = self.ledger.lock();
            ledger.broke(invariant::NOTHING_VISIBLE_BEFORE_DURABLE, detail);
        }
        *reached = offset;
    }
}
