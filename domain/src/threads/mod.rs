//! Threads: participants, permissions, items, and items that are being written.
//!
//! A file a command: its shape, its rule, its examples.

mod abandon_item;
mod access;
mod add_participant;
mod append_delta;
mod bounds;
mod cells;
mod command;
mod create_thread;
mod delete_item;
mod delete_thread;
mod edit_item;
mod event;
mod expire_items;
mod expired;
mod facts;
mod finish_item;
mod fork_rows;
mod fork_thread;
mod from_template;
#[cfg(test)]
mod given;
mod grants;
mod item;
mod lineage;
mod mark_read;
mod marks;
mod mention;
mod mention_rows;
mod mentioning;
mod metadata;
mod name;
mod open_item;
mod parent;
mod pin_item;
mod post_item;
mod react;
mod refusal;
mod remove_participant;
pub mod rows;
mod set_permissions;
mod state;
pub mod stored;
mod switch_branch;
mod template;
mod template_permissions;
mod update_thread;
mod withheld;

pub use abandon_item::AbandonItem;
pub use access::{Participant, ParticipantId, ParticipantRole, ThreadAccess};
pub use add_participant::AddParticipant;
pub use append_delta::AppendDelta;
pub use bounds::{MAX_APPENDS, MAX_ITEM_BYTES, MAX_OPEN_ITEMS, MAX_PARTS};
pub use command::ThreadCommand;
pub use create_thread::CreateThread;
pub use delete_item::DeleteItem;
pub use delete_thread::DeleteThread;
pub use edit_item::EditItem;
pub use event::{
    BranchSwitched, ExpiredItem, ItemAbandoned, ItemCopied, ItemDeleted, ItemDelta, ItemEdited,
    ItemFinished, ItemOpened, ItemPinned, ItemPosted, ItemReactionAdded, ItemReactionRemoved,
    ItemUnpinned, ItemsExpired, ParticipantAdded, ParticipantRemoved, ThreadCreated, ThreadDeleted,
    ThreadEvent, ThreadForked, ThreadPermissionsChanged, ThreadRead, ThreadUpdated,
};
pub use expire_items::{ExpireItems, MAX_EXPIRED_AT_ONCE, OldItem};
pub use expired::Expired;
pub use facts::{Facts, ForkFacts, PostedItem};
pub use finish_item::FinishItem;
pub use fork_thread::{ForkFrom, ForkThread, ThreadThen};
pub use from_template::FromTemplate;
pub use item::{Author, Delta, ItemRole, ItemStatus, NewItem, Part};
pub use lineage::{ForkedFrom, MAX_FORK_DEPTH, Shares};
pub use mark_read::MarkRead;
pub use marks::{MAX_PINS, MAX_REACTIONS, Marks, MarksOf, Reaction, ReactionCounts};
pub use mention::{MAX_MENTIONS, MAX_REACHED, Mention, Mentioned, Mentions};
pub use metadata::{InvalidMetadata, Metadata};
pub use name::ThreadName;
pub use open_item::OpenItem;
pub use parent::Parent;
pub use pin_item::PinItem;
pub use post_item::PostItem;
pub use react::React;
pub use refusal::ThreadRefusal;
pub use remove_participant::RemoveParticipant;
pub use set_permissions::SetPermissions;
pub use state::{ItemInProgress, Thread, ThreadState, Written};
pub use switch_branch::SwitchBranch;
pub use template::{InvalidTemplate, TemplateParticipant, ThreadTemplate};
pub use template_permissions::TemplatePermissions;
pub use update_thread::UpdateThread;
pub use withheld::{Withheld, item_of};
