//! The newest events of one thing that is watched.

use std::collections::VecDeque;
use std::sync::Arc;

use everlog_domain::ids::Offset;

use super::published::Published;

/// What a ring holds after an offset.
#[derive(Debug)]
pub enum Read {
    /// All events after the offset, or the first of them up to the bound; none if there are none.
    Events(Vec<Arc<Published>>),
    /// The ring begins later: read the log.
    Behind,
}

/// Events in order, bounded in number and in bytes. Complete from the moment at which it was made:
/// what came before is found in any view of the rows taken after that.
#[derive(Debug, Default)]
pub(super) struct Ring {
    events: VecDeque<Held>,
    bytes: usize,
    /// Offset of the newest event that was dropped.
    dropped: Offset,
    /// Whether nobody watches any more: nothing is taken in from then on.
    closed: bool,
}

#[derive(Debug)]
struct Held {
    /// Grows with every event that any ring takes in.
    age: u64,
    event: Arc<Published>,
}

impl Ring {
    /// Takes in the next event and drops the oldest until the ring's own bounds hold.
    pub(super) fn push(
        &mut self,
        age: u64,
        event: Arc<Published>,
        most_events: usize,
        most_bytes: usize,
    ) {
        if self.closed {
            return;
        }
        self.bytes += event.weight();
        self.events.push_back(Held { age, event });
        while self.events.len() > most_events || self.bytes > most_bytes {
            self.drop_oldest();
        }
    }

    /// Drops the oldest event.
    pub(super) fn drop_oldest(&mut self) {
        if let Some(Held { event, .. }) = self.events.pop_front() {
            self.bytes -= event.weight();
            self.dropped = event.offset();
        }
    }

    /// Drops everything up to the newest event that is withheld from here on: whoever has not read
    /// it yet reads the log, which does not hand it out.
    pub(super) fn let_go(&mut self, is_withheld: impl Fn(&Published) -> bool) {
        let withheld = |held: &Held| is_withheld(&held.event);
        let newest = self.events.iter().rposition(withheld);
        for _ in 0..newest.map_or(0, |newest| newest + 1) {
            self.drop_oldest();
        }
    }

    /// Drops everything, and takes in nothing more.
    pub(super) fn close(&mut self) {
        self.events = VecDeque::new();
        self.bytes = 0;
        self.closed = true;
    }

    /// Events after an offset: at most `limit`, and of at most `most_bytes` if that is not less
    /// than one.
    pub(super) fn read(&self, after: Offset, limit: usize, most_bytes: usize) -> Read {
        if after < self.dropped {
            return Read::Behind;
        }
        let first = self
            .events
            .partition_point(|held| held.event.offset() <= after);
        let mut bytes = 0;
        let fits = |held: &&Held| {
            let first = bytes == 0;
            bytes += held.event.weight();
            first || bytes <= most_bytes
        };
        Read::Events(
            self.events
                .range(first..)
                .take(limit)
                .take_while(fits)
                .map(|held| Arc::clone(&held.event))
                .collect(),
        )
    }

    /// Bytes that it holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The age of its oldest event.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.events.front().map(|held| held.age)
    }
}
