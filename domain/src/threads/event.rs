//! Facts about threads. Stored by name and field: a field may be added with a default, never
//! change its meaning.

use serde::{Deserialize, Serialize};

use super::access::{Participant, ParticipantId, ThreadAccess};
use super::expired::Expired;
use super::item::{Author, Delta, ItemRole, ItemStatus, Part};
use super::lineage::Shares;
use super::marks::{Reaction, ReactionCounts};
use super::mention::{Mentioned, Mentions};
use super::metadata::Metadata;
use super::name::ThreadName;
use super::parent::Parent;
use crate::envelope::facts;
use crate::ids::{ItemId, Position, TemplateId, ThreadId};
use crate::time::Time;

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

/// A thread began as another one stood: the items up to a place are that one's, and are not copied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadForked {
    /// Its id.
    pub thread: ThreadId,
    /// What it has in common with its source.
    pub shares: Shares,
    /// The item from which it was forked, if one was named.
    pub item: Option<ItemId>,
    /// Its name.
    pub name: Option<ThreadName>,
    /// Anything else.
    pub metadata: Metadata,
    /// Who may do what.
    pub access: ThreadAccess,
    /// The item that its first one follows, if that is not the newest.
    pub continues: Option<ItemId>,
    /// When the newest item came that it shares, if there is one.
    pub last_item_at: Option<Time>,
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

/// A fork has an item for itself that it shared before: it is about to change it, or the source had
/// changed it between the moment of the fork and its making. The item is as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemCopied {
    /// Its id.
    pub item: ItemId,
    /// Its position, which it keeps.
    pub opened: Position,
    /// Who wrote it.
    pub author: Author,
    /// Who speaks.
    pub role: ItemRole,
    /// How far it had got.
    pub status: ItemStatus,
    /// Its content.
    pub parts: Vec<Part>,
    /// Anything else.
    pub metadata: Metadata,
    /// Tokens, if counted.
    pub tokens: Option<u32>,
    /// What it follows, if that is not the item before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Whom it mentions. Whoever that reached has been reached in the source.
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mentions: Mentions,
    /// When it was posted or opened.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
    /// When it was edited last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Time>,
}

/// Items were let go: their time was over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemsExpired {
    /// Which items of the thread have expired from here on, all together.
    pub expired: Expired,
    /// Those that do so now.
    pub items: Vec<ExpiredItem>,
    /// Whether one of them is the item that the next one would have followed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends_branch: bool,
}

/// An item that was let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiredItem {
    /// Which.
    pub item: ItemId,
    /// Position of the event that posted or opened it.
    pub opened: Position,
    /// What it followed, if that was not the item before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
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
        ItemsExpired(ItemsExpired),
        ItemReactionAdded(ItemReactionAdded),
        ItemReactionRemoved(ItemReactionRemoved),
        ItemPinned(ItemPinned),
        ItemUnpinned(ItemUnpinned),
        ThreadForked(ThreadForked),
        ItemCopied(ItemCopied),
    }
}
