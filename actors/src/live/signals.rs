//! Who is there, and who is typing: what a topic knows of this moment, and forgets. Nothing of it is in the log.
//!
//! It is a state, not a queue: who looks gets the newest, however much came in between.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use compact_str::CompactString;
use everlog_domain::time::Time;
use parking_lot::Mutex;

use super::waker::{Slot, Waker};

/// Most principals that are named as present; the others are counted.
pub(super) const MOST_NAMED: usize = 100;
/// Most principals of a topic that are typing at once. Beyond them others are not shown.
pub(super) const MOST_TYPING: usize = 100;

/// How many seconds later an end must be to be news.
const AGAIN: i64 = 2;

/// A moment of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Which one: a later moment has a higher number.
    pub number: u64,
    /// Who is there, in the order of the texts, [`MOST_NAMED`] at most.
    pub present: Vec<CompactString>,
    /// How many are there.
    pub present_total: usize,
    /// Who is typing, and until when that holds unless it is said again.
    pub typing: Vec<(CompactString, Time)>,
}

/// The signals of a topic.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Number of the newest moment: who looks for a later one takes no lock where there is none.
    newest: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    number: u64,
    /// Who is there, how often: two tabs are one principal.
    present: BTreeMap<CompactString, usize>,
    typing: BTreeMap<CompactString, Time>,
    listeners: HashMap<u64, (Waker, Slot)>,
    next_listener: u64,
    /// Made once for all who look.
    moment: Option<Arc<Moment>>,
}

impl Signals {
    /// Somebody comes, and listens.
    pub(super) fn enter(&self, principal: &CompactString, waker: &Waker, slot: Slot) -> u64 {
        let mut kept = self.kept.lock();
        let listener = kept.next_listener;
        kept.next_listener += 1;
        kept.listeners.insert(listener, (waker.clone(), slot));
        let times = kept.present.entry(principal.clone()).or_default();
        *times += 1;
        let is_new = *times == 1;
        if is_new {
            self.change(&mut kept);
        }
        listener
    }

    /// Somebody goes. Who has left does not type either.
    pub(super) fn leave(&self, principal: &CompactString, listener: u64) {
        let mut kept = self.kept.lock();
        kept.listeners.remove(&listener);
        let Some(times) = kept.present.get_mut(principal) else {
            return;
        };
        *times -= 1;
        if *times == 0 {
            kept.present.remove(principal);
            kept.typing.remove(principal);
            self.change(&mut kept);
        }
    }

    /// Somebody types until then, unless it is said again, or has stopped.
    pub(super) fn types(&self, principal: &str, until: Option<Time>, now: Time) {
        let mut kept = self.kept.lock();
        if kept.listeners.is_empty() {
            return;
        }
        kept.typing.retain(|_, until| *until > now);
        let changed = match until {
            None => kept.typing.remove(principal).is_some(),
            Some(_) if kept.typing.len() >= MOST_TYPING && !kept.typing.contains_key(principal) => {
                false
            }
            Some(until) if kept.says(principal, until) => false,
            Some(until) => {
                kept.typing.insert(CompactString::new(principal), until);
                true
            }
        };
        if changed {
            self.change(&mut kept);
        }
    }

    /// The newest moment, if it is later than the one with this number.
    pub(super) fn after(&self, seen: u64) -> Option<Arc<Moment>> {
        if self.newest.load(Ordering::Acquire) <= seen {
            return None;
        }
        let mut kept = self.kept.lock();
        let moment = match kept.moment.take() {
            Some(moment) => moment,
            None => Arc::new(kept.moment()),
        };
        kept.moment = Some(Arc::clone(&moment));
        Some(moment)
    }

    fn change(&self, kept: &mut Kept) {
        kept.number += 1;
        kept.moment = None;
        self.newest.store(kept.number, Ordering::Release);
        kept.listeners
            .values()
            .for_each(|(waker, slot)| waker.mark(*slot));
    }
}

impl Kept {
    /// Whether it is said already that somebody types until about then: whoever says it all the time
    /// wakes nobody.
    fn says(&self, principal: &str, until: Time) -> bool {
        let said = self.typing.get(principal);
        said.is_some_and(|said| said.plus_seconds(AGAIN) >= until)
    }

    fn moment(&self) -> Moment {
        Moment {
            number: self.number,
            present: self.present.keys().take(MOST_NAMED).cloned().collect(),
            present_total: self.present.len(),
            typing: self
                .typing
                .iter()
                .map(|(id, until)| (id.clone(), *until))
                .collect(),
        }
    }
}
