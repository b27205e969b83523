//! Routes a command to its rule.

use super::item::part_bytes;
use super::{
    AbandonItem, AddParticipant, AppendDelta, CreateThread, DeleteThread, Delta, FinishItem,
    OpenItem, PostItem, RemoveParticipant, SetPermissions, ThreadEvent, ThreadRefusal, ThreadState,
    UpdateThread,
};
use crate::access::Caller;
use crate::ids::ItemId;

/// What a decision needs to know beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whether the thread has an item with the id that the command brings.
    pub item_exists: bool,
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

    /// Bytes that it brings, roughly: what admission counts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = match self {
            Self::Post(PostItem { item }) | Self::Open(OpenItem { item }) => {
                item.parts.iter().map(part_bytes).sum()
            }
            Self::Append(AppendDelta { deltas, .. }) => deltas.iter().map(Delta::bytes).sum(),
            _ => 0,
        };
        parts + 1024
    }

    /// Whether the command begins a life of the thread, whose incarnation is known only once it is
    /// in the log: nothing may be decided on top of it before that.
    #[must_use]
    pub const fn creates(&self) -> bool {
        matches!(self, Self::Create(_))
    }
}
