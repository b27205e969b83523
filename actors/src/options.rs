//! What a node is started with.

use std::time::Duration;

use everlog_domain::ids::ProjectUid;
use everlog_domain::log::Arbiter;

use crate::live::HubBounds;

/// Where the committer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitterMode {
    /// On two threads of its own: a commit sleeps in the disk. For servers.
    Threads,
    /// As two tasks of the runtime that starts the node, with the same bound between them: with
    /// engines in memory and a runtime of one thread, a run can be repeated. For simulation.
    Inline,
}

/// Bounds and modes of a node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Identity of the console's log, used if it has none yet. Random.
    pub console_uid: ProjectUid,
    /// Where the committer runs.
    pub committer: CommitterMode,
    /// Streams and wishes that the arbiter remembers. What it has forgotten is loaded again.
    pub remembered: usize,
    /// Writes under way at once. No project has more of them than it leaves to others.
    pub writes: usize,
    /// Bytes of writes under way at once, shared likewise.
    pub write_bytes: usize,
    /// Engine reads under way at once, and as many beside them for writes.
    pub reads: usize,
    /// Engine reads that wait for a place before the next is turned away, shared likewise.
    pub reads_waiting: usize,
    /// How long an idle actor stays in memory.
    pub idle: Duration,
    /// Actors of threads that stay in memory while they are idle. Where there are more, one leaves as
    /// soon as it has answered.
    pub idle_actors: usize,
    /// Bounds of the live hub.
    pub hub: HubBounds,
}

impl NodeOptions {
    /// The bounds of a server on a small machine.
    #[must_use]
    pub fn new(console_uid: ProjectUid) -> Self {
        Self {
            console_uid,
            committer: CommitterMode::Threads,
            remembered: Arbiter::REMEMBERED,
            writes: 16_384,
            write_bytes: 256 * 1024 * 1024,
            reads: 8,
            reads_waiting: 4_096,
            idle: Duration::from_secs(60),
            idle_actors: 16_384,
            hub: HubBounds::default(),
        }
    }
}
