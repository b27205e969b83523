//! Begin a thread as another one stands, or stood.

use std::collections::BTreeMap;

use super::access::{ParticipantId, ParticipantRole, ThreadAccess};
use super::bounds::MAX_PARTICIPANTS;
use super::create_thread::owner;
use super::event::{ItemCopied, ThreadForked};
use super::grants::check_permissions;
use super::item::{ItemStatus, part_bytes};
use super::lineage::{MAX_FORK_DEPTH, Shares};
use super::state::Thread;
use super::{Facts, ForkFacts, Metadata, ThreadEvent, ThreadName, ThreadRefusal, ThreadState};
use crate::access::{Action, Caller, Permission, Permissions};
use crate::ids::{ItemId, Offset, Position, ThreadId};
use crate::time::Time;

/// Begins another thread with what this one has up to a place.
#[derive(Debug, Clone, PartialEq)]
pub struct ForkThread {
    /// The fork's id.
    pub fork: ThreadId,
    /// Up to where.
    pub from: ForkFrom,
    /// Who may do what in the fork. Absent: who may in this thread.
    pub permissions: Option<Permissions>,
}

/// Up to where a fork shares a thread.
#[derive(Debug, Clone, PartialEq)]
pub enum ForkFrom {
    /// All there is.
    Whole,
    /// Up to an item, as it stands.
    Item(ItemId),
    /// As it stood.
    Past(Box<ThreadThen>),
}

/// A thread as it stood, and what has happened to its items since. Whoever reads it was authorised by
/// what held then and what holds today.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadThen {
    /// Which life.
    pub incarnation: Offset,
    /// The moment: right after this event.
    pub at: Offset,
    /// The newest position then.
    pub until: Position,
    /// Items that were being written then.
    pub without: Vec<Position>,
    /// Items that were changed since, as they were.
    pub copies: Vec<ItemCopied>,
    /// Who might do what.
    pub access: ThreadAccess,
    /// Its name.
    pub name: Option<ThreadName>,
    /// Anything else.
    pub metadata: Metadata,
    /// The item that the next one would have followed, if that was not the newest.
    pub continues: Option<ItemId>,
    /// When the newest item came.
    pub last_item_at: Option<Time>,
    /// The newest event of the project when this was read.
    pub read_at: Offset,
}

impl ForkThread {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Read)?;
        let (ThreadState::Live(_), Some(known)) = (state, facts.fork) else {
            return Err(ThreadRefusal::NotFound);
        };
        if known.taken {
            return Err(ThreadRefusal::AlreadyExists);
        }
        if known.depth >= MAX_FORK_DEPTH {
            return Err(ThreadRefusal::ForkTooDeep);
        }
        let access = self.access(thread, facts)?;
        match self.from {
            ForkFrom::Whole => {
                let until = thread.head.position;
                let forked = present(self.fork, thread, known, until, access);
                Ok(vec![forked.into()])
            }
            ForkFrom::Item(item) => {
                let found = facts.item.ok_or(ThreadRefusal::ItemNotFound)?;
                if found.status == ItemStatus::Open {
                    return Err(ThreadRefusal::ItemStillOpen);
                }
                let forked = ThreadForked {
                    item: Some(item),
                    // the item is the last one there is
                    continues: None,
                    ..present(self.fork, thread, known, found.position, access)
                };
                Ok(vec![forked.into()])
            }
            ForkFrom::Past(then) => past(self.fork, thread, known, *then, access),
        }
    }

    /// Who may do what in the fork: who may in the thread today, and might at the moment, as far as
    /// the caller may hand that on. Who made it owns it.
    fn access(&self, thread: &Thread, facts: Facts<'_>) -> Result<ThreadAccess, ThreadRefusal> {
        let mut access = match (&self.permissions, &self.from) {
            (Some(permissions), _) => {
                check_permissions(facts.caller, permissions)?;
                ThreadAccess {
                    permissions: permissions.clone(),
                    participants: BTreeMap::new(),
                }
            }
            (None, ForkFrom::Past(then)) => {
                handed_on(facts.caller, thread, common(&thread.access, &then.access))
            }
            (None, ForkFrom::Whole | ForkFrom::Item(_)) => {
                handed_on(facts.caller, thread, thread.access.clone())
            }
        };
        access.participants.extend(owner(facts.caller));
        if access.participants.len() > MAX_PARTICIPANTS {
            return Err(ThreadRefusal::TooManyParticipants);
        }
        Ok(access)
    }

    /// Bytes that it brings, roughly.
    pub(super) fn bytes(&self) -> usize {
        match &self.from {
            ForkFrom::Past(then) => then.copies.iter().map(ItemCopied::bytes).sum(),
            ForkFrom::Whole | ForkFrom::Item(_) => 0,
        }
    }
}

impl ItemCopied {
    /// Bytes of content, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(part_bytes).sum();
        parts + self.metadata.bytes()
    }
}

fn present(
    fork: ThreadId,
    thread: &Thread,
    known: &ForkFacts,
    until: Position,
    access: ThreadAccess,
) -> ThreadForked {
    let open = thread.open.values().map(|open| open.opened);
    let mut without: Vec<Position> = open.filter(|opened| *opened <= until).collect();
    without.sort_unstable();
    let continues = thread.continues.clone();
    ThreadForked {
        thread: fork,
        shares: Shares {
            thread: known.source.clone(),
            incarnation: thread.head.incarnation,
            at: known.now,
            until,
            without,
            depth: known.depth + 1,
        },
        item: None,
        name: thread.name.clone(),
        metadata: thread.metadata.clone(),
        access,
        continues: continues.filter(|item| !thread.open.contains_key(item)),
        last_item_at: known.last_item_at,
    }
}

fn past(
    fork: ThreadId,
    thread: &Thread,
    known: &ForkFacts,
    then: ThreadThen,
    access: ThreadAccess,
) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
    if then.incarnation != thread.head.incarnation {
        // an earlier life of the id, which is another thread's
        return Err(ThreadRefusal::NotFound);
    }
    if known.changed {
        return Err(ThreadRefusal::PastChanged);
    }
    let forked = ThreadForked {
        thread: fork,
        shares: Shares {
            thread: known.source.clone(),
            incarnation: then.incarnation,
            at: then.at,
            until: then.until,
            without: then.without,
            depth: known.depth + 1,
        },
        item: None,
        name: then.name,
        metadata: then.metadata,
        access,
        continues: then.continues,
        last_item_at: then.last_item_at,
    };
    let copies = then.copies.into_iter().map(ThreadEvent::from);
    Ok(std::iter::once(forked.into()).chain(copies).collect())
}

/// Who may say who does what in the thread takes everybody along. Who only reads it gives nobody more
/// than it could in a thread of its own.
fn handed_on(caller: &Caller, thread: &Thread, access: ThreadAccess) -> ThreadAccess {
    if thread.access.allows(caller, Action::Update) {
        return access;
    }
    let own = |permission: &&Permission| {
        let alone: Permissions = std::iter::once((*permission).clone()).collect();
        check_permissions(caller, &alone).is_ok()
    };
    ThreadAccess {
        permissions: access.permissions.iter().filter(own).cloned().collect(),
        participants: BTreeMap::new(),
    }
}

/// What both allow: permissions that stand in both, and participants of both with the lesser role.
fn common(now: &ThreadAccess, then: &ThreadAccess) -> ThreadAccess {
    let stood =
        |permission: &&Permission| then.permissions.iter().any(|other| other == *permission);
    let both = |(id, role): (&ParticipantId, &ParticipantRole)| {
        let before = then.participants.get(id)?;
        let lesser = if role.actions().len() <= before.actions().len() {
            role
        } else {
            before
        };
        Some((id.clone(), *lesser))
    };
    ThreadAccess {
        permissions: now.permissions.iter().filter(stood).cloned().collect(),
        participants: now.participants.iter().filter_map(both).collect(),
    }
}

#[cfg(test)]
mod tests;
