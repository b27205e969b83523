//! A subscription: a place in the log, and what it shows. Its size does not depend on how far it is
//! behind.

use std::sync::Arc;

use compact_str::CompactString;
use everlog_actors::live::{Presence, Watch};
use everlog_domain::access::Caller;
use everlog_domain::ids::Offset;
use parking_lot::Mutex;

use super::catch_up::{Ask, Folded};
use super::past_texts::PastTexts;
use super::present::Readable;
use super::shown::Shown;

/// Where a subscription reads.
#[derive(Debug)]
pub(super) enum Phase {
    /// In the log.
    Past(Behind),
    /// In the hub.
    Present,
}

/// Counts a subscription that reads the log.
#[derive(Debug)]
pub(super) struct Behind(());

const BEHIND: &str = "everlog_live_readers_behind";

impl Behind {
    pub(super) fn new() -> Self {
        metrics::gauge!(BEHIND).increment(1.0);
        Self(())
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        metrics::gauge!(BEHIND).decrement(1.0);
    }
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
    /// Rows of threads at `reached`, while it reads the log.
    pub(super) folded: Arc<Mutex<Folded>>,
    /// The caller in its thread, if it asked to be seen there.
    pub(super) presence: Option<Presence>,
}

impl Subscription {
    /// What to read next from the log.
    pub(super) fn ask(&self, caller: &Arc<Caller>, texts: &PastTexts) -> Ask {
        Ask {
            texts: texts.clone(),
            caller: Arc::clone(caller),
            shown: Arc::clone(&self.shown),
            after: self.reached,
            known: self.known,
            folded: Arc::clone(&self.folded),
        }
    }

    /// Goes back to the log: it was left behind, or the rings do not tell what it needs.
    pub(super) fn fall_back(&mut self) {
        if matches!(self.phase, Phase::Present) {
            self.phase = Phase::Past(Behind::new());
        }
    }

    /// The past has ended.
    pub(super) fn arrive(&mut self) {
        self.phase = Phase::Present;
        self.folded = Arc::default();
    }

    /// Its caller holds other roles: what was known of the former ones is of no use.
    pub(super) fn authorise_anew(&mut self) {
        self.known = None;
        self.readable.clear();
        self.fall_back();
    }

    /// Goes past an event in the middle of a page. Whether its thread was readable there is known
    /// of the page's ends only.
    pub(super) fn pass(&mut self, offset: Offset) {
        self.reached = offset;
        if matches!(self.phase, Phase::Past(_)) {
            self.known = None;
        }
    }

    /// Takes the next cursor and gives the one before it.
    pub(super) fn advance(&mut self, cursor: CompactString) -> Option<CompactString> {
        self.cursor.replace(cursor)
    }
}
