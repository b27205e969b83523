//! What an actor asks the committer to write.

use crate::access::Principal;
use crate::envelope::{DataKeyId, Head, Idempotency, Stream};
use crate::event::Event;
use crate::hash::Hash;
use crate::ids::{CommitNumber, Offset, ProjectNumber};
use crate::time::Time;

/// What an actor believes of a stream when it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The stream.
    pub stream: Stream,
    /// Its head, or nothing if it never had an event.
    pub head: Option<Head>,
    /// How the actor knows.
    pub basis: Basis,
}

/// What a belief about a stream rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// It was durable as of the append's commit.
    Durable,
    /// The append with this ticket, still in flight, leads to it. If that one is refused, so must
    /// be what was decided on top of it, although somebody else's append may have led to the same
    /// position, and whether or not the arbiter remembers the stream.
    InFlight(Ticket),
}

/// Names an append until it has settled. Never used twice in the life of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// A name of which a project has one at most, such as a user's e-mail address: the hash of what
/// sort of name it is and of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim(Hash);

impl Claim {
    /// The claim on a name of a sort.
    #[must_use]
    pub fn on(sort: &str, name: &str) -> Self {
        Self(Hash::of(&[sort.as_bytes(), name.as_bytes()]))
    }
}

/// A payload ready for the log: encoded, encrypted, hashed. Made before the committer sees it, on
/// the thread of the one who appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The encrypted payload.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`.
    pub hash: Hash,
    /// The data key.
    pub key: DataKeyId,
}

/// One event on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The entity.
    pub stream: Stream,
    /// What happened.
    pub event: Event,
    /// The same, sealed.
    pub sealed: Sealed,
}

/// Events of one project that stand or fall together.
#[derive(Debug, Clone, PartialEq)]
pub struct Append {
    /// The project.
    pub project: ProjectNumber,
    /// Its name, if something may be decided on top of it before it has settled.
    pub ticket: Option<Ticket>,
    /// What the decision rested on: each stream that is read or written.
    pub expected: Vec<Expected>,
    /// The commit as of which `expected`, and the absence of the idempotency scope, were known.
    pub as_of: CommitNumber,
    /// Names that the decision found to be nobody's: refused if an append that claims one of them
    /// was admitted after `as_of`.
    pub claims: Vec<Claim>,
    /// The access epoch under which the caller was authorised; nothing for the server itself.
    pub access_epoch: Option<Offset>,
    /// The wish, if the caller named it.
    pub idempotency: Option<Idempotency>,
    /// Who.
    pub principal: Principal,
    /// For whom.
    pub on_behalf_of: Option<Principal>,
    /// The event that led to this.
    pub cause: Option<Offset>,
    /// When, by the caller's clock reading; the arbiter keeps it from running backwards.
    pub time: Time,
    /// The events, in order. Never empty.
    pub drafts: Vec<Draft>,
}

impl Append {
    /// Bytes of payload, by which batches are bounded.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.drafts
            .iter()
            .map(|draft| draft.sealed.bytes.len())
            .sum()
    }
}
