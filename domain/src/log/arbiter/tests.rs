//! What the arbiter lets in, and what it sends back. The examples first, then a property over
//! random appenders with old knowledge and a small memory.

mod examples;
mod properties;

use super::{Arbiter, Conflict, ProjectHead};
use crate::access::Principal;
use crate::envelope::{DataKeyId, Head, Idempotency, Stream};
use crate::event::Event;
use crate::hash::Hash;
use crate::ids::{
    CommitNumber, ItemId, KeyId, Offset, Position, ProjectNumber, ProjectUid, ThreadId,
};
use crate::log::{Append, Basis, Batch, Claim, Draft, Expected, Sealed, Ticket};
use crate::projects::{KeyDeleted, ProjectEvent};
use crate::threads::{
    Author, ItemPosted, ItemRole, Metadata, ThreadAccess, ThreadCreated, ThreadDeleted,
    ThreadEvent, ThreadPermissionsChanged,
};
use crate::time::Time;

const PROJECT: ProjectNumber = ProjectNumber(2);
const UID: ProjectUid = ProjectUid([7; 16]);

/// An arbiter with one active project that has no events yet.
fn arbiter() -> Arbiter {
    let mut arbiter = Arbiter::new(CommitNumber(0));
    arbiter
        .activate(PROJECT, ProjectHead::empty(UID), CommitNumber(0))
        .unwrap();
    arbiter
}

fn stream(id: &str) -> Stream {
    Stream::thread(&ThreadId::parse(id).unwrap())
}

const fn head(incarnation: u64, position: u64) -> Option<Head> {
    Some(Head {
        incarnation: Offset(incarnation),
        position: Position(position),
    })
}

fn draft(id: &str, event: impl Into<Event>) -> Draft {
    let event = event.into();
    let bytes = format!("{event:?}").into_bytes();
    Draft {
        stream: stream(id),
        event,
        sealed: Sealed {
            hash: Hash::of_bytes(&bytes),
            bytes,
            key: DataKeyId(1),
        },
    }
}

fn created(id: &str) -> Draft {
    let event = ThreadCreated {
        thread: ThreadId::parse(id).unwrap(),
        name: None,
        metadata: Metadata::default(),
        access: ThreadAccess::default(),
        template: None,
    };
    draft(id, ThreadEvent::from(event))
}

fn deleted(id: &str) -> Draft {
    let thread = ThreadId::parse(id).unwrap();
    draft(id, ThreadEvent::from(ThreadDeleted { thread }))
}

fn posted(id: &str) -> Draft {
    let event = ItemPosted {
        item: ItemId::from_seed(id.as_bytes()),
        author: Author::principal(&Principal::System),
        role: ItemRole::User,
        parts: Vec::new(),
        metadata: Metadata::default(),
        tokens: None,
        parent: None,
        mentions: None,
    };
    draft(id, ThreadEvent::from(event))
}

/// Takes a key from whoever is authenticated by it.
fn revoked(id: &str) -> Draft {
    let key = KeyId::parse("k").unwrap();
    draft(id, ProjectEvent::from(KeyDeleted { key }))
}

/// An append that knows everything up to `as_of`.
fn append(as_of: u64, expected: &[(&str, Option<Head>)], drafts: Vec<Draft>) -> Append {
    let expected = expected.iter().map(|(id, head)| Expected {
        stream: stream(id),
        head: *head,
        basis: Basis::Durable,
    });
    Append {
        project: PROJECT,
        ticket: None,
        expected: expected.collect(),
        as_of: CommitNumber(as_of),
        claims: Vec::new(),
        access_epoch: None,
        idempotency: None,
        principal: Principal::System,
        on_behalf_of: None,
        cause: None,
        time: Time(1_000),
        drafts,
    }
}

fn wish(key: u8, body: u8) -> Option<Idempotency> {
    Some(Idempotency {
        scope: Hash::of_bytes(&[key]),
        body: Hash::of_bytes(&[body]),
    })
}

/// Commits one append as a batch of its own.
#[track_caller]
fn commit(arbiter: &mut Arbiter, append: Append) -> Batch {
    let mut batch = arbiter.begin();
    arbiter.admit(&mut batch, append).unwrap();
    batch.seal()
}

/// Offers an append to a batch of its own, which is taken back if nothing comes in.
fn offer(arbiter: &mut Arbiter, append: Append) -> Result<Batch, Conflict> {
    let mut batch = arbiter.begin();
    match arbiter.admit(&mut batch, append) {
        Ok(_) => Ok(batch.seal()),
        Err(conflict) => {
            arbiter.cancel(&batch);
            Err(conflict)
        }
    }
}
