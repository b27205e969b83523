//! A subscription: a place in the log, and what it shows. Its size does not depend on how far it is
//! behind.

use std::sync::Arc;

use compact_str::CompactString;
use everlog_actors::live::Watch;
use everlog_domain::access::Caller;
use everlog_domain::ids::Offset;

use super::catch_up::Ask;
use super::present::Readable;
use super::shown::Shown;

/// Where a subscription reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the log.
    Past,
    /// In the hub, as authorised under this access epoch.
    Present { epoch: Offset },
}

/// A subscription of a socket.
#[derive(Debug)]
pub(super) struct Subscription {
    /// The client's name for it, as JSON.
    pub(super) id: String,
    pub(super) shown: Arc<Shown>,
    pub(super) watch: Watch,
    /// Everything up to here has been looked at.
    pub(super) reached: Offset,
    /// The cursor of its newest link, the next one's `prev`.
    pub(super) cursor: Option<CompactString>,
    pub(super) phase: Phase,
    /// Whether the end of the past was told.
    pub(super) caught_up: bool,
    /// Whether the caller might read its thread at `reached`, if that is known.
    pub(super) known: Option<bool>,
    pub(super) readable: Readable,
}

impl Subscription {
    /// What to read next from the log.
    pub(super) fn ask(&self, caller: &Arc<Caller>) -> Ask {
        Ask {
            caller: Arc::clone(caller),
            shown: Arc::clone(&self.shown),
            after: self.reached,
            known: self.known,
        }
    }

    /// Goes back to the log: it was left behind, or must be authorised again.
    pub(super) fn fall_back(&mut self) {
        self.phase = Phase::Past;
        self.readable.clear();
    }

    /// Takes the next cursor and gives the one before it.
    pub(super) fn advance(&mut self, cursor: CompactString) -> Option<CompactString> {
        self.cursor.replace(cursor)
    }
}
