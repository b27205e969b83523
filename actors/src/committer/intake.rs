//! What waits for the committer. Projects take turns, so that a busy one delays nobody else by
//! more than its turn.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use everlog_domain::event::Recorded;
use everlog_domain::ids::{CommitNumber, ProjectNumber};
use everlog_domain::log::{Append, Conflict, ProjectHead};
use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

/// Most events of one batch.
const BATCH_EVENTS: usize = 4_096;
/// Bytes of payload at which a batch is full.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Appends of one project that go in at its turn.
const TURN: usize = 64;

/// What became of an append.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Durable and projected.
    Committed {
        /// Its events.
        events: Vec<Arc<Recorded>>,
        /// The batch.
        commit: CommitNumber,
    },
    /// The arbiter refused it.
    Conflict(Conflict),
    /// The disk is full; nothing was written.
    DiskFull,
    /// The committer stopped or halted. If it halted, whether the append is durable is unknown.
    Stopped,
}

/// Called once, on the committer's thread: it must only hand the outcome on.
pub(crate) type Answer = Box<dyn FnOnce(Outcome) + Send>;

/// An append and whom to tell.
pub(crate) struct Submission {
    pub(crate) append: Append,
    pub(crate) answer: Answer,
}

/// The committer takes nothing any more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopped;

/// One thing in a project's queue.
pub(super) enum Entry {
    Append(Box<Submission>),
    /// The head of a project as of a commit, before its first append.
    Activate(ProjectHead, CommitNumber),
}

#[derive(Default)]
struct Queues {
    waiting: HashMap<ProjectNumber, VecDeque<Entry>>,
    turns: VecDeque<ProjectNumber>,
    closed: bool,
}

/// The queues, shared by everybody who appends. Bounded by the permits of admission.
#[derive(Default)]
pub(super) struct Intake {
    queues: Mutex<Queues>,
    arrived: Condvar,
    arrived_async: Notify,
}

/// What the committer took for one batch.
pub(super) type Taken = Vec<(ProjectNumber, Entry)>;

impl Intake {
    /// Puts an entry into its project's queue, unless the committer has stopped.
    pub(super) fn put(&self, project: ProjectNumber, entry: Entry) -> Result<(), Stopped> {
        {
            let mut queues = self.queues.lock();
            if queues.closed {
                return Err(Stopped);
            }
            let queue = queues.waiting.entry(project).or_default();
            queue.push_back(entry);
            if queue.len() == 1 {
                queues.turns.push_back(project);
            }
        }
        self.arrived.notify_one();
        self.arrived_async.notify_one();
        Ok(())
    }

    /// Waits for entries and takes what fits one batch; nothing once closed and empty.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut queues = self.queues.lock();
        loop {
            if !queues.turns.is_empty() {
                return Some(queues.take());
            }
            if queues.closed {
                return None;
            }
            self.arrived.wait(&mut queues);
        }
    }

    /// As [`Intake::take`], without blocking the thread.
    pub(super) async fn take_async(&self) -> Option<Taken> {
        loop {
            let arrived = self.arrived_async.notified();
            {
                let mut queues = self.queues.lock();
                if !queues.turns.is_empty() {
                    return Some(queues.take());
                }
                if queues.closed {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// Takes no more. What waits is still committed.
    pub(super) fn close(&self) {
        self.queues.lock().closed = true;
        self.arrived.notify_all();
        self.arrived_async.notify_one();
    }

    /// After a halt: takes no more and tells everybody who waits.
    pub(super) fn abort(&self) {
        let waiting = {
            let mut queues = self.queues.lock();
            queues.closed = true;
            queues.turns.clear();
            std::mem::take(&mut queues.waiting)
        };
        for entry in waiting.into_values().flatten() {
            if let Entry::Append(submission) = entry {
                (submission.answer)(Outcome::Stopped);
            }
        }
    }
}

impl Queues {
    fn take(&mut self) -> Taken {
        let mut taken = Vec::new();
        let (mut events, mut bytes) = (0, 0);
        while events < BATCH_EVENTS && bytes < BATCH_BYTES {
            let Some(project) = self.turns.pop_front() else {
                break;
            };
            let Some(queue) = self.waiting.get_mut(&project) else {
                continue;
            };
            let mut turn = 0;
            while turn < TURN && events < BATCH_EVENTS && bytes < BATCH_BYTES {
                let Some(entry) = queue.pop_front() else {
                    break;
                };
                if let Entry::Append(submission) = &entry {
                    events += submission.append.drafts.len();
                    bytes += submission.append.bytes();
                    turn += 1;
                }
                taken.push((project, entry));
            }
            if queue.is_empty() {
                self.waiting.remove(&project);
            } else {
                self.turns.push_back(project);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests;
