//! A thread as its actor knows it: enough to decide, no more. Items that are complete are rows,
//! not state.

use std::collections::BTreeMap;

use super::ThreadEvent;
use super::access::ThreadAccess;
use super::event::{
    ItemAbandoned, ItemDeleted, ItemDelta, ItemFinished, ItemOpened, ItemsExpired, ThreadCreated,
    ThreadForked,
};
use super::expired::Expired;
use super::item::{Author, Delta, Part, part_bytes};
use super::metadata::Metadata;
use super::name::ThreadName;
use super::parent::Parent;
use super::refusal::ThreadRefusal;
use crate::access::{Action, Caller};
use crate::envelope::Head;
use crate::ids::{ItemId, Offset, Position};

/// A thread, or its absence.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an actor whose thread is absent does not stay"
)]
pub enum ThreadState {
    /// Never was, or was deleted: then the head of its last life.
    Absent(Option<Head>),
    /// Lives.
    Live(Thread),
}

/// A living thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    /// Its incarnation and newest position.
    pub head: Head,
    /// Who may do what.
    pub access: ThreadAccess,
    /// Its name.
    pub name: Option<ThreadName>,
    /// Anything else.
    pub metadata: Metadata,
    /// Items that are being written.
    pub open: BTreeMap<ItemId, ItemInProgress>,
    /// The item that the next one follows, if that is not the newest.
    pub continues: Option<ItemId>,
    /// Which items have expired.
    pub expired: Expired,
}

/// An item that is being written: how far it has got, not what it says. That lies in its rows
/// ([`Written`]), since thousands of threads with open items are in memory at once.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemInProgress {
    /// Position of the event that opened it.
    pub opened: Position,
    /// Who writes it.
    pub author: Author,
    /// For each part, whether text can be appended to it.
    pub takes_text: Vec<bool>,
    /// Bytes of content.
    pub bytes: usize,
    /// How often it was appended to.
    pub appends: usize,
}

impl ItemInProgress {
    /// An item that was opened with these parts.
    #[must_use]
    pub fn begin(opened: Position, author: Author, parts: &[Part]) -> Self {
        Self {
            opened,
            author,
            takes_text: parts.iter().map(Part::takes_text).collect(),
            bytes: parts.iter().map(part_bytes).sum(),
            appends: 0,
        }
    }

    /// Takes in one append.
    pub fn append(&mut self, deltas: &[Delta]) {
        self.appends += 1;
        for delta in deltas {
            self.bytes += delta.bytes();
            if let Delta::Part { part } = delta {
                self.takes_text.push(part.takes_text());
            }
        }
    }
}

/// What has been written of an item: its fact when it is closed repeats it, so that the deltas may
/// go.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Its content.
    pub parts: Vec<Part>,
    /// Its metadata.
    pub metadata: Metadata,
}

impl ThreadState {
    /// The stream's head, as an append names it.
    #[must_use]
    pub const fn head(&self) -> Option<Head> {
        match self {
            Self::Absent(head) => *head,
            Self::Live(thread) => Some(thread.head),
        }
    }

    /// Takes in a fact. Total: an event that does not fit this state (there is none in a sound
    /// log) moves the position of a living thread and nothing else.
    ///
    /// `offset` is the event's offset. Only a creation needs it.
    pub fn apply(&mut self, offset: Offset, event: &ThreadEvent) {
        if let ThreadEvent::ThreadCreated(created) = event {
            *self = Self::Live(Thread::begin(offset, created));
            return;
        }
        if let ThreadEvent::ThreadForked(forked) = event {
            *self = Self::Live(Thread::begin_fork(offset, forked));
            return;
        }
        let Self::Live(thread) = self else { return };
        thread.head.position = thread.head.position.next();
        if matches!(event, ThreadEvent::ThreadDeleted(_)) {
            *self = Self::Absent(Some(thread.head));
            return;
        }
        thread.apply(event);
    }

    /// The thread, if the caller may do this in it. One that it may not even read is not found.
    pub fn authorised(&self, caller: &Caller, action: Action) -> Result<&Thread, ThreadRefusal> {
        let Self::Live(thread) = self else {
            return Err(ThreadRefusal::NotFound);
        };
        if thread.access.allows(caller, action) {
            Ok(thread)
        } else if thread.access.allows(caller, Action::Read) {
            Err(ThreadRefusal::Forbidden { action })
        } else {
            Err(ThreadRefusal::NotFound)
        }
    }
}

impl Thread {
    fn begin(offset: Offset, created: &ThreadCreated) -> Self {
        Self {
            head: Head {
                incarnation: offset,
                position: Position(1),
            },
            access: created.access.clone(),
            name: created.name.clone(),
            metadata: created.metadata.clone(),
            open: BTreeMap::new(),
            continues: None,
            expired: Expired::default(),
        }
    }

    fn begin_fork(offset: Offset, forked: &ThreadForked) -> Self {
        Self {
            head: Head {
                incarnation: offset,
                position: forked.shares.until.next(),
            },
            access: forked.access.clone(),
            name: forked.name.clone(),
            metadata: forked.metadata.clone(),
            open: BTreeMap::new(),
            continues: forked.continues.clone(),
            expired: Expired::default(),
        }
    }

    fn apply(&mut self, event: &ThreadEvent) {
        match event {
            ThreadEvent::ThreadUpdated(updated) => {
                self.name = updated.name.clone().or_else(|| self.name.take());
                if let Some(metadata) = &updated.metadata {
                    self.metadata = metadata.clone();
                }
            }
            ThreadEvent::ThreadPermissionsChanged(changed) => self.access = changed.access.clone(),
            ThreadEvent::ParticipantAdded(added) => self.access = added.access.clone(),
            ThreadEvent::ParticipantRemoved(removed) => self.access = removed.access.clone(),
            ThreadEvent::ItemPosted(_) => self.continues = None,
            ThreadEvent::ItemOpened(opened) => self.open_item(opened),
            ThreadEvent::BranchSwitched(switched) => self.continues = Some(switched.item.clone()),
            ThreadEvent::ItemDelta(delta) => self.append(delta),
            ThreadEvent::ItemFinished(ItemFinished { item, .. })
            | ThreadEvent::ItemAbandoned(ItemAbandoned { item, .. })
            | ThreadEvent::ItemDeleted(ItemDeleted { item, .. }) => {
                self.open.remove(item);
            }
            ThreadEvent::ItemsExpired(expired) => self.let_go(expired),
            _ => {}
        }
    }

    fn let_go(&mut self, event: &ItemsExpired) {
        self.expired = event.expired.clone();
        if event.ends_branch {
            self.continues = None;
        }
    }

    /// What a new item follows that names nothing.
    pub(super) fn next_parent(&self) -> Option<Parent> {
        self.continues.clone().map(Parent::Item)
    }

    fn open_item(&mut self, opened: &ItemOpened) {
        self.continues = None;
        let author = opened.author.clone();
        let progress = ItemInProgress::begin(self.head.position, author, &opened.parts);
        self.open.insert(opened.item.clone(), progress);
    }

    fn append(&mut self, delta: &ItemDelta) {
        if let Some(progress) = self.open.get_mut(&delta.item) {
            progress.append(&delta.deltas);
        }
    }

    /// An item that is being written and that the caller may write on: its own, or any if it may
    /// update the thread.
    pub(super) fn item_in_progress(
        &self,
        caller: &Caller,
        item: &ItemId,
    ) -> Result<&ItemInProgress, ThreadRefusal> {
        let progress = self.open.get(item).ok_or(ThreadRefusal::ItemNotOpen)?;
        let own = progress.author == Author::principal(&caller.principal);
        if own || self.access.allows(caller, Action::Update) {
            return Ok(progress);
        }
        Err(ThreadRefusal::NotTheAuthor)
    }
}

#[cfg(test)]
mod tests;
