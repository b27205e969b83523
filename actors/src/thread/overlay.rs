//! A thread's committed state, and the state ahead of it by the appends in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use everlog_domain::envelope::{Head, Stream};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::ids::{CommitNumber, ItemId, Offset};
use everlog_domain::log::{Basis, Draft, Ticket};
use everlog_domain::threads::ThreadState;

use super::asked::Asked;
use super::load::Loaded;

/// One append in flight.
pub(super) struct InFlight {
    pub(super) ticket: Ticket,
    pub(super) asked: Box<Asked>,
}

/// What a refused append says of the two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// Both hold.
    Sound,
    /// What is ahead rests on something that was refused.
    NotAhead,
    /// The committed state may be old as well.
    None,
}

/// See the module's description.
pub(super) struct Overlay {
    /// The thread's own: an append that forks it is about another.
    stream: Stream,
    committed: ThreadState,
    ahead: ThreadState,
    /// The commit as of which the committed state holds.
    pub(super) as_of: CommitNumber,
    in_flight: VecDeque<InFlight>,
    trust: Trust,
}

impl Overlay {
    pub(super) fn new(stream: Stream, loaded: Loaded) -> Self {
        Self {
            stream,
            ahead: loaded.state.clone(),
            committed: loaded.state,
            as_of: loaded.as_of,
            in_flight: VecDeque::new(),
            trust: Trust::Sound,
        }
    }

    /// What the next decision rests on.
    pub(super) const fn state(&self) -> &ThreadState {
        &self.ahead
    }

    pub(super) const fn head(&self) -> Option<Head> {
        self.ahead.head()
    }

    /// What that head rests on.
    pub(super) fn basis(&self) -> Basis {
        let newest = self.in_flight.back();
        newest.map_or(Basis::Durable, |append| Basis::InFlight(append.ticket))
    }

    pub(super) fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// An append was refused: what was decided on top of it will be refused too, so nothing more
    /// is until everything has settled.
    pub(super) fn void_ahead(&mut self) {
        self.trust = self.trust.max(Trust::NotAhead);
    }

    /// The same, and what is so may not be what the committed state says.
    pub(super) const fn doubt(&mut self) {
        self.trust = Trust::None;
    }

    pub(super) fn is_spoilt(&self) -> bool {
        self.trust != Trust::Sound
    }

    /// Goes back to the committed state, once everything has settled. Answers whether that holds:
    /// if not, it must be loaded again.
    pub(super) fn mend(&mut self) -> bool {
        if self.trust == Trust::NotAhead {
            self.ahead = self.committed.clone();
            self.trust = Trust::Sound;
        }
        self.trust == Trust::Sound
    }

    /// Nothing may be decided on top of a creation in flight: its offset, which names the thread's
    /// life, is not known yet. So nothing is in flight behind it.
    pub(super) fn awaits_creation(&self) -> bool {
        let newest = self.in_flight.back();
        newest.is_some_and(|append| append.asked.request.command.creates())
    }

    /// Whether an append in flight answers the same wish.
    pub(super) fn has_wish(&self, scope: &Hash) -> bool {
        let same = |append: &InFlight| {
            append
                .asked
                .request
                .wish
                .is_some_and(|wish| wish.scope == *scope)
        };
        self.in_flight.iter().any(same)
    }

    /// Whether an append in flight brings an item with this id.
    pub(super) fn has_item(&self, id: &ItemId) -> bool {
        let brings = |append: &InFlight| append.asked.request.command.new_item() == Some(id);
        self.in_flight.iter().any(brings)
    }

    /// Goes ahead by an append on its way to the committer.
    pub(super) fn advance(&mut self, append: InFlight, drafts: &[Draft]) {
        for draft in drafts.iter().filter(|draft| draft.stream == self.stream) {
            if let Event::Thread(event) = &draft.event {
                // The offset is not known yet; only a creation needs it, and that is waited for.
                self.ahead.apply(Offset(0), event);
            }
        }
        self.in_flight.push_back(append);
    }

    /// Takes the append with this ticket out of flight.
    pub(super) fn settle(&mut self, ticket: Ticket) -> Option<InFlight> {
        let place = self
            .in_flight
            .iter()
            .position(|append| append.ticket == ticket)?;
        self.in_flight.remove(place)
    }

    /// Takes in what became durable.
    pub(super) fn commit(&mut self, events: &[Arc<Recorded>], commit: CommitNumber) {
        let own = |recorded: &&Arc<Recorded>| recorded.envelope.stream == self.stream;
        for recorded in events.iter().filter(own) {
            if let Event::Thread(event) = &recorded.event {
                self.committed.apply(recorded.envelope.offset, event);
            }
        }
        self.as_of = self.as_of.max(commit);
        // Both have taken in the same events by now; only a creation had another offset ahead.
        if self.in_flight.is_empty() && self.ahead.head() != self.committed.head() {
            self.ahead = self.committed.clone();
        }
    }
}
