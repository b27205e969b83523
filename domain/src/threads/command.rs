//! Routes a command to its rule.

use super::item::part_bytes;
use super::{
    AbandonItem, AddParticipant, AppendDelta, CreateThread, DeleteThread, Delta, FinishItem,
    OpenItem, PostItem, RemoveParticipant, SetPermissions, ThreadEvent, ThreadRefusal, ThreadState,
    UpdateThread, Written,
};
use crate::access::Caller;
use crate::ids::ItemId;

/// What any command takes.
const SMALL_BYTES: usize = 1024;
/// What a command takes that brings metadata, permissions or participants: their bounds together,
/// roughly.
const ACCESS_BYTES: usize = 32 * 1024;

/// What a decision needs to know beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whether the thread has an item with the id that the command brings.
    pub item_exists: bool,
    /// What has been written of the item that the command closes, if that is open.
    pub written: Option<&'a Written>,
}

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
}

impl ThreadCommand {
    /// Decides: the events that grant the wish, or why it is refused. No events: nothing changes.
    pub fn decide(
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
                SMALL_BYTES + item.parts.iter().map(part_bytes).sum::<usize>()
            }
            Self::Append(AppendDelta { deltas, .. }) => {
                SMALL_BYTES + deltas.iter().map(Delta::bytes).sum::<usize>()
            }
            Self::Create(_)
            | Self::Update(_)
            | Self::SetPermissions(_)
            | Self::AddParticipant(_)
            | Self::RemoveParticipant(_) => ACCESS_BYTES,
            Self::Delete(_) | Self::Finish(_) | Self::Abandon(_) => SMALL_BYTES,
        }
    }

    /// Whether the command begins a life of the thread, whose incarnation is known only once it is
    /// in the log: nothing may be decided on top of it before that.
    #[must_use]
    pub const fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }
}
