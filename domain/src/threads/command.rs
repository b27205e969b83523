//! Routes a command to its rule.

use super::mention::mention_bytes;
use super::{
    AbandonItem, AddParticipant, AppendDelta, CreateThread, DeleteItem, DeleteThread, Delta,
    EditItem, ExpireItems, Facts, FinishItem, ForkFrom, ForkThread, MarkRead, MarksOf, Metadata,
    OpenItem, Parent, PinItem, PostItem, React, RemoveParticipant, SetPermissions, SwitchBranch,
    ThreadEvent, ThreadRefusal, ThreadState, UpdateThread,
};
use crate::ids::{ItemId, Offset, TemplateId, ThreadId};

/// What any command takes.
const SMALL_BYTES: usize = 1024;
/// What a command takes that brings metadata, permissions or participants: their bounds together,
/// roughly.
const ACCESS_BYTES: usize = 32 * 1024;

/// A wish about one thread.
#[derive(Debug, Clone, PartialEq)]
pub enum ThreadCommand {
    /// Begin a thread.
    Create(CreateThread),
    /// Change name or metadata.
    Update(UpdateThread),
    /// Replace permissions.
    SetPermissions(SetPermissions),
    /// Add a participant or change its role.
    AddParticipant(AddParticipant),
    /// Remove a participant.
    RemoveParticipant(RemoveParticipant),
    /// End the thread.
    Delete(DeleteThread),
    /// Post a whole item.
    Post(PostItem),
    /// Begin an item that is being written.
    Open(OpenItem),
    /// Append to an open item.
    Append(AppendDelta),
    /// Complete an open item.
    Finish(FinishItem),
    /// Give up an open item.
    Abandon(AbandonItem),
    /// Change a complete item.
    Edit(EditItem),
    /// Delete an item.
    DeleteItem(DeleteItem),
    /// Go on somewhere else in the tree of items.
    Switch(SwitchBranch),
    /// Put a reaction on an item, or take it away.
    React(React),
    /// Pin an item, or unpin it.
    Pin(PinItem),
    /// Say how far one has read.
    MarkRead(MarkRead),
    /// Begin another thread as this one stands, or stood.
    Fork(ForkThread),
    /// Let items go whose time is over.
    Expire(ExpireItems),
}

impl ThreadCommand {
    /// Decides: the events that grant the wish, or why it is refused. No events: nothing changes.
    pub fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let copies = self.changes_item();
        let mut events = self.decide_alone(state, facts)?;
        // What a fork shares is its source's: it is copied before it is changed.
        if let Some(shared) = facts.shared.filter(|_| copies && !events.is_empty()) {
            events.insert(0, shared.clone().into());
        }
        Ok(events)
    }

    fn decide_alone(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        match self {
            Self::Create(command) => command.decide(state, facts),
            Self::Update(command) => command.decide(state, facts),
            Self::SetPermissions(command) => command.decide(state, facts),
            Self::AddParticipant(command) => command.decide(state, facts),
            Self::RemoveParticipant(command) => command.decide(state, facts),
            Self::Delete(command) => command.decide(state, facts),
            Self::Post(command) => command.decide(state, facts),
            Self::Open(command) => command.decide(state, facts),
            Self::Append(command) => command.decide(state, facts),
            Self::Finish(command) => command.decide(state, facts),
            Self::Abandon(command) => command.decide(state, facts),
            Self::Edit(command) => command.decide(state, facts),
            Self::DeleteItem(command) => command.decide(state, facts),
            Self::Switch(command) => command.decide(state, facts),
            Self::React(command) => command.decide(state, facts),
            Self::Pin(command) => command.decide(state, facts),
            Self::MarkRead(command) => command.decide(state, facts),
            Self::Fork(command) => command.decide(state, facts),
            Self::Expire(command) => command.decide(state, facts),
        }
    }

    /// The id that must be new in the thread, if the command brings one.
    #[must_use]
    pub const fn new_item(&self) -> Option<&ItemId> {
        match self {
            Self::Post(PostItem { item }) | Self::Open(OpenItem { item }) => Some(&item.id),
            _ => None,
        }
    }

    /// The item that must be there: the one that the command is about, or that its new one follows.
    #[must_use]
    pub const fn about(&self) -> Option<&ItemId> {
        match self {
            Self::Edit(EditItem { item, .. })
            | Self::DeleteItem(DeleteItem { item })
            | Self::Switch(SwitchBranch { item })
            | Self::React(React { item, .. })
            | Self::Pin(PinItem { item, .. })
            | Self::MarkRead(MarkRead { item })
            | Self::Fork(ForkThread {
                from: ForkFrom::Item(item),
                ..
            })
            | Self::Finish(FinishItem {
                item,
                mentions: Some(_),
                ..
            }) => Some(item),
            Self::Post(PostItem { item }) | Self::Open(OpenItem { item }) => match &item.parent {
                Some(Parent::Item(parent)) => Some(parent),
                Some(Parent::Beginning) | None => None,
            },
            _ => None,
        }
    }

    /// Whether the command changes the row of the item that it is about.
    #[must_use]
    pub const fn changes_item(&self) -> bool {
        matches!(
            self,
            Self::Edit(_) | Self::DeleteItem(_) | Self::React(_) | Self::Pin(_)
        )
    }

    /// The thread that the command makes of this one: its events are that one's.
    #[must_use]
    pub const fn forks(&self) -> Option<&ThreadId> {
        match self {
            Self::Fork(ForkThread { fork, .. }) => Some(fork),
            _ => None,
        }
    }

    /// The template that the command names, if it names one.
    #[must_use]
    pub fn template(&self) -> Option<&TemplateId> {
        match self {
            Self::Create(create) => create.template.as_ref().map(|from| &from.template),
            _ => None,
        }
    }

    /// The marks that the command is about, if it is about any.
    #[must_use]
    pub const fn marks(&self) -> Option<MarksOf> {
        match self {
            Self::React(_) => Some(MarksOf::Reactions),
            Self::Pin(_) => Some(MarksOf::Pins),
            Self::MarkRead(_) => Some(MarksOf::Receipt),
            Self::Edit(EditItem {
                mentions: Some(_), ..
            })
            | Self::Finish(FinishItem {
                mentions: Some(_), ..
            }) => Some(MarksOf::Mentions),
            _ => None,
        }
    }

    /// Offset of the event that led to the command, if one did.
    #[must_use]
    pub const fn cause(&self) -> Option<Offset> {
        match self {
            Self::Expire(ExpireItems { cause, .. }) => Some(*cause),
            _ => None,
        }
    }

    /// The open item that the command closes: its fact repeats what was written.
    #[must_use]
    pub const fn closes(&self) -> Option<&ItemId> {
        match self {
            Self::Finish(FinishItem { item, .. }) | Self::Abandon(AbandonItem { item, .. }) => {
                Some(item)
            }
            _ => None,
        }
    }

    /// Bytes that it brings, roughly: what admission counts. What a closing command repeats is
    /// counted beside, once it is known.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Post(PostItem { item }) | Self::Open(OpenItem { item }) => {
                SMALL_BYTES + item.bytes()
            }
            Self::Append(AppendDelta { deltas, .. }) => {
                SMALL_BYTES + deltas.iter().map(Delta::bytes).sum::<usize>()
            }
            Self::Create(_)
            | Self::Update(_)
            | Self::SetPermissions(_)
            | Self::AddParticipant(_)
            | Self::RemoveParticipant(_) => ACCESS_BYTES,
            Self::Finish(FinishItem {
                metadata, mentions, ..
            }) => {
                let metadata = metadata.as_ref().map_or(0, Metadata::bytes);
                SMALL_BYTES + metadata + mentions.as_ref().map_or(0, mention_bytes)
            }
            Self::Edit(edit) => SMALL_BYTES + edit.bytes(),
            Self::Fork(fork) => ACCESS_BYTES + fork.bytes(),
            Self::Expire(expire) => SMALL_BYTES + expire.bytes(),
            Self::Delete(_)
            | Self::Abandon(_)
            | Self::DeleteItem(_)
            | Self::Switch(_)
            | Self::React(_)
            | Self::Pin(_)
            | Self::MarkRead(_) => SMALL_BYTES,
        }
    }

    /// Whether the command begins a life of a thread, whose incarnation is known only once it is
    /// in the log: nothing may be decided on top of it before that. A fork does not move the thread
    /// that it comes from, so nothing could say that it rests on it either.
    #[must_use]
    pub const fn creates(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Fork(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::NewItem;
    use crate::threads::given::{item_id, new_item};
    use serde_json::json;

    #[test]
    fn metadata_is_counted_wherever_it_comes_with_an_item() {
        let metadata = || Metadata::parse(json!({ "note": "x".repeat(16_000) })).unwrap();
        let item = || NewItem {
            metadata: metadata(),
            ..new_item("i1")
        };
        let finish = |metadata| FinishItem {
            item: item_id("i1"),
            tokens: None,
            metadata,
            mentions: None,
        };
        let large = [
            ThreadCommand::Post(PostItem { item: item() }),
            ThreadCommand::Open(OpenItem { item: item() }),
            ThreadCommand::Finish(finish(Some(metadata()))),
        ];
        for command in large {
            assert!(command.bytes() > 16_000, "{command:?}");
        }
        let small = ThreadCommand::Finish(finish(None));
        assert_eq!(small.bytes(), SMALL_BYTES);
    }
}
