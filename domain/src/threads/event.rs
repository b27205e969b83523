//! Facts about threads. Stored by name and field: a field may be added with a default, never
//! change its meaning.

use serde::{Deserialize, Serialize};

use super::access::{Participant, ParticipantId, ThreadAccess};
use super::item::{Author, Delta, ItemRole, Part};
use super::marks::{Reaction, ReactionCounts};
use super::mention::Mentioned;
use super::metadata::Metadata;
use super::name::ThreadName;
use super::parent::Parent;
use crate::envelope::facts;
use crate::ids::{ItemId, Position, TemplateId, ThreadId};

/// A thread began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadCreated {
    /// Its id.
    pub thread: ThreadId,
    /// Its name.
    pub name: Option<ThreadName>,
    /// Anything else.
    pub metadata: Metadata,
    /// Who may do what.
    pub access: ThreadAccess,
    /// The template that it began from, if it did: as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateId>,
}

/// Name or metadata changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadUpdated {
    /// The new name, if it changed.
    pub name: Option<ThreadName>,
    /// The new metadata, if it changed.
    pub metadata: Option<Metadata>,
}

/// Permissions were replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadPermissionsChanged {
    /// What holds from here on, participants included.
    pub access: ThreadAccess,
}

/// Somebody joined, or got another role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantAdded {
    /// Who, as what.
    pub participant: Participant,
    /// What holds from here on.
    pub access: ThreadAccess,
}

/// Somebody left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantRemoved {
    /// Who.
    pub participant: ParticipantId,
    /// What holds from here on.
    pub access: ThreadAccess,
}

/// A thread ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadDeleted {
    /// Its id.
    pub thread: ThreadId,
}

/// A whole item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemPosted {
    /// Its id.
    pub item: ItemId,
    /// Who wrote it.
    pub author: Author,
    /// Who speaks.
    pub role: ItemRole,
    /// Its content.
    pub parts: Vec<Part>,
    /// Anything else.
    pub metadata: Metadata,
    /// Tokens, if counted.
    pub tokens: Option<u32>,
    /// What it follows, if that is not the item before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Whom it mentions; nobody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentioned>,
}

/// An item that is being written began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemOpened {
    /// Its id.
    pub item: ItemId,
    /// Who writes it.
    pub author: Author,
    /// Who speaks.
    pub role: ItemRole,
    /// The beginning of its content.
    pub parts: Vec<Part>,
    /// Anything else.
    pub metadata: Metadata,
    /// What it follows, if that is not the item before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Whom it mentions; nobody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentioned>,
}

/// Something was appended to an open item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemDelta {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that opened it.
    pub opened: Position,
    /// What was appended, in order.
    pub deltas: Vec<Delta>,
}

/// An open item is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFinished {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that opened it.
    pub opened: Position,
    /// Its whole content: the deltas are superseded.
    pub parts: Vec<Part>,
    /// Its metadata from here on.
    pub metadata: Metadata,
    /// Tokens, if counted.
    pub tokens: Option<u32>,
    /// Whom it mentions from here on, if that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentioned>,
}

/// An open item was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemAbandoned {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that opened it.
    pub opened: Position,
    /// What had been written: the deltas are superseded.
    pub parts: Vec<Part>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// A complete item says something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemEdited {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
    /// Its content from here on, if that changed.
    pub parts: Option<Vec<Part>>,
    /// Its metadata from here on, if that changed.
    pub metadata: Option<Metadata>,
    /// Its tokens from here on, if that changed.
    pub tokens: Option<u32>,
    /// Whom it mentions from here on, if that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentioned>,
}

/// An item says nothing any more. Its place stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemDeleted {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
    /// Whether it was being written.
    pub was_open: bool,
}

/// The next item that names no other place follows this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BranchSwitched {
    /// The item at the end of the branch.
    pub item: ItemId,
}

/// Somebody has read the thread up to an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadRead {
    /// Who.
    pub by: Author,
    /// The last item that was read.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
}

/// Somebody put a reaction on an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemReactionAdded {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
    /// The reaction.
    pub reaction: Reaction,
    /// Whose.
    pub by: Author,
    /// How often each reaction stands on the item from here on.
    pub counts: ReactionCounts,
}

/// Somebody took a reaction away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemReactionRemoved {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
    /// The reaction.
    pub reaction: Reaction,
    /// Whose.
    pub by: Author,
    /// How often each reaction stands on the item from here on.
    pub counts: ReactionCounts,
}

/// An item was pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemPinned {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
}

/// An item is pinned no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemUnpinned {
    /// Which item.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
}

facts! {
    /// Facts about threads and their items.
    ThreadEvent {
        ThreadCreated(ThreadCreated),
        ThreadUpdated(ThreadUpdated),
        ThreadPermissionsChanged(ThreadPermissionsChanged),
        ParticipantAdded(ParticipantAdded),
        ParticipantRemoved(ParticipantRemoved),
        ThreadDeleted(ThreadDeleted),
        ItemPosted(ItemPosted),
        ItemOpened(ItemOpened),
        ItemDelta(ItemDelta),
        ItemFinished(ItemFinished),
        ItemAbandoned(ItemAbandoned),
        ItemEdited(ItemEdited),
        ItemDeleted(ItemDeleted),
        BranchSwitched(BranchSwitched),
        ThreadRead(ThreadRead),
        ItemReactionAdded(ItemReactionAdded),
        ItemReactionRemoved(ItemReactionRemoved),
        ItemPinned(ItemPinned),
        ItemUnpinned(ItemUnpinned),
    }
}
