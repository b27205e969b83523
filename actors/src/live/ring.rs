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
    events: VecDeque<Arc<Published>>,
    bytes: usize,
    /// Offset of the newest event that was dropped.
    dropped: Offset,
}

impl Ring {
    /// Takes in the next event and drops the oldest until the bounds hold. Answers by how many
    /// bytes it grew.
    pub(super) fn push(
        &mut self,
        event: Arc<Published>,
        most_events: usize,
        most_bytes: usize,
    ) -> isize {
        let before = self.bytes;
        self.bytes += event.weight();
        self.events.push_back(event);
        while self.events.len() > most_events || self.bytes > most_bytes {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.weight();
            self.dropped = oldest.offset();
        }
        self.bytes.cast_signed() - before.cast_signed()
    }

    /// Events after an offset: at most `limit`, and of at most `most_bytes` if that is not less
    /// than one.
    pub(super) fn read(&self, after: Offset, limit: usize, most_bytes: usize) -> Read {
        if after < self.dropped {
            return Read::Behind;
        }
        let first = self.events.partition_point(|event| event.offset() <= after);
        let mut bytes = 0;
        let fits = |event: &&Arc<Published>| {
            let first = bytes == 0;
            bytes += event.weight();
            first || bytes <= most_bytes
        };
        Read::Events(
            self.events
                .range(first..)
                .take(limit)
                .take_while(fits)
                .cloned()
                .collect(),
        )
    }

    /// Bytes that it holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
