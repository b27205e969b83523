//! Results of calls between their end and the moment when they are written. A socket that does not
//! read its results keeps them, so what they take is bounded: for each socket and for all of them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

/// Bytes of a result that needs no room of its socket, which has 256 of them at most. What grants a
/// write is mostly this small, and must not be lost because large pages wait to be read.
const SMALL_BYTES: usize = 4 * 1024;
/// Bytes of larger results that one socket may leave unread: two of the largest pages.
const SOCKET_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of larger results that all sockets may leave unread.
const LARGE_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of small results that all sockets may leave unread. They have room of their own, so that
/// readers of large pages take none of it.
const ALL_SMALL_BYTES: usize = 128 * 1024 * 1024;

/// The room for results of all sockets.
#[derive(Debug, Clone)]
pub(super) struct ProcessRoom {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for ProcessRoom {
    fn default() -> Self {
        Self::of(ALL_SMALL_BYTES, LARGE_BYTES)
    }
}

impl ProcessRoom {
    fn of(small: usize, large: usize) -> Self {
        Self {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(large)),
        }
    }
}

/// The room for results of one socket.
#[derive(Debug, Clone)]
pub(super) struct Room {
    process: ProcessRoom,
    socket: Arc<Semaphore>,
}

/// Room that a result has, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held {
    _process: Option<OwnedSemaphorePermit>,
    _socket: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// A socket's room.
    pub(super) fn new(process: ProcessRoom) -> Self {
        Self {
            process,
            socket: Arc::new(Semaphore::new(SOCKET_BYTES)),
        }
    }

    /// Room for a result of so many bytes, if there is any.
    pub(super) fn take(&self, bytes: usize) -> Option<Held> {
        let permits = u32::try_from(bytes).ok()?;
        let of = |room: &Arc<Semaphore>| Arc::clone(room).try_acquire_many_owned(permits).ok();
        if bytes <= SMALL_BYTES {
            return Some(Held {
                _process: Some(of(&self.process.small)?),
                _socket: None,
            });
        }
        Some(Held {
            _socket: Some(of(&self.socket)?),
            _process: Some(of(&self.process.large)?),
        })
    }
}

/// The result of a call.
#[derive(Debug)]
pub(super) struct Finished {
    /// The frame.
    pub(super) frame: String,
    /// Kept until the frame is written.
    pub(super) held: Held,
}

/// The calls of a socket that are on their way, each a task of its own: while the session waits for
/// a read, a call that it does not poll could hold, or be given, the very place that it waits for.
#[derive(Debug, Default)]
pub(super) struct InFlight(JoinSet<Finished>);

impl InFlight {
    /// How many there are, those included whose results wait to be taken.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a call on its way; it ends with this socket.
    pub(super) fn start(&mut self, call: impl Future<Output = Finished> + Send + 'static) {
        self.0.spawn(call);
    }

    /// The next result; none if no call is on its way.
    pub(super) async fn next(&mut self) -> Option<Result<Finished, JoinError>> {
        self.0.join_next().await
    }

    /// The next result that is there already.
    pub(super) fn ready(&mut self) -> Option<Result<Finished, JoinError>> {
        self.0.try_join_next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_results_are_bounded_for_a_socket_and_for_all() {
        let process = ProcessRoom::of(2 * SMALL_BYTES, SOCKET_BYTES + SOCKET_BYTES / 2);
        let (one, two) = (Room::new(process.clone()), Room::new(process));
        let half = SOCKET_BYTES / 2;
        let held = [one.take(half), one.take(half)];
        assert!(held.iter().all(Option::is_some));
        assert!(one.take(half).is_none(), "the socket's room is full");
        let of_another = two.take(half);
        assert!(of_another.is_some());
        assert!(two.take(half).is_none(), "the room of all is full");
        drop(held);
        assert!(
            two.take(half).is_some(),
            "what is written gives its room back"
        );
    }

    #[test]
    fn small_results_have_room_of_their_own() {
        let room = Room::new(ProcessRoom::of(2 * SMALL_BYTES, SOCKET_BYTES));
        let _large = room.take(SOCKET_BYTES).unwrap();
        let small = [room.take(SMALL_BYTES), room.take(SMALL_BYTES)];
        assert!(small.iter().all(Option::is_some));
        assert!(room.take(SMALL_BYTES).is_none());
        drop(small);
        assert!(room.take(SMALL_BYTES).is_some());
    }
}
