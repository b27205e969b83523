//! Why a wish about a thread is not granted.

use thiserror::Error;

use super::bounds::{
    MAX_APPENDS, MAX_ITEM_BYTES, MAX_OPEN_ITEMS, MAX_OPEN_ITEMS_OF_AN_AUTHOR, MAX_PARTICIPANTS,
    MAX_PARTS,
};
use super::lineage::MAX_FORK_DEPTH;
use super::marks::{MAX_DIFFERENT_REACTIONS, MAX_PINS, MAX_REACTIONS, MAX_REACTIONS_OF_AN_AUTHOR};
use super::mention::MAX_MENTIONS;
use super::metadata::InvalidMetadata;
use crate::access::Action;

/// Why a wish about a thread is not granted. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ThreadRefusal {
    /// No such thread, or none that the caller may see.
    #[error("no thread with this id was found")]
    NotFound,
    /// The caller sees the thread but may not do this.
    #[error("the caller lacks the {action} permission on this thread")]
    Forbidden {
        /// What it lacks.
        action: Action,
    },
    /// A thread with this id lives.
    #[error("a thread with this id exists already")]
    AlreadyExists,
    /// A permission was to be granted that the caller does not hold.
    #[error("the caller may grant only roles that it holds; it does not hold {role}")]
    RoleNotHeld {
        /// The role.
        role: String,
    },
    /// A participant was to get a role with a right that the caller lacks.
    #[error(
        "the caller may give only a role whose rights it has; it lacks the {action} permission on this thread"
    )]
    RightNotHeld {
        /// What it lacks.
        action: Action,
    },
    /// No such template, or none that the caller may use.
    #[error("templateId: no thread template with this id was found")]
    TemplateNotFound,
    /// A thread that begins from a template was to have other permissions.
    #[error("permissions: those of a thread with a templateId come from its template")]
    PermissionsOfTemplate,
    /// The template names whoever begins the thread, and a key named nobody.
    #[error("creator: expected the user for whom the thread begins, whom its template names")]
    CreatorMissing,
    /// Somebody else was named as who begins the thread.
    #[error("only an API key may name another creator than itself")]
    CreatorNotOwn,
    /// Somebody else was named as the author.
    #[error("only an API key may name another author than itself")]
    AuthorNotOwn,
    /// The thread has an item with this id.
    #[error("the thread has an item with this id already")]
    ItemAlreadyExists,
    /// The thread has no item with this id that is being written.
    #[error("the thread has no open item with this id")]
    ItemNotOpen,
    /// The thread has no item with this id, or it is deleted.
    #[error("no item with this id was found in this thread")]
    ItemNotFound,
    /// The item is being written.
    #[error("the item is being written: finish it first")]
    ItemStillOpen,
    /// The item that a new one is to follow is not there.
    #[error("parentId: no item with this id was found in this thread")]
    ParentNotFound,
    /// Somebody was mentioned who does not take part in the thread, or whom the caller may not see
    /// there.
    #[error("mentions: only who takes part in the thread can be mentioned in it")]
    MentionNotFound,
    /// Too many mentions.
    #[error("an item has at most {MAX_MENTIONS} mentions, found {found}: mention everyone")]
    TooManyMentions {
        /// How many.
        found: usize,
    },
    /// Too many reactions on an item, or of one author on it.
    #[error(
        "an item has at most {MAX_REACTIONS} reactions, {MAX_DIFFERENT_REACTIONS} different ones, {MAX_REACTIONS_OF_AN_AUTHOR} of one author"
    )]
    TooManyReactions,
    /// Too many pinned items.
    #[error("a thread has at most {MAX_PINS} pinned items: unpin one")]
    TooManyPins,
    /// A guest wants something to be its own.
    #[error("a guest has no name under which this could be kept: sign in")]
    Nameless,
    /// Somebody else's item.
    #[error("only its author, or who may update the thread, writes on an item")]
    NotTheAuthor,
    /// Too many items being written at once.
    #[error("a thread has at most {MAX_OPEN_ITEMS} open items: finish or abandon one")]
    TooManyOpenItems,
    /// Too many items being written at once by one author.
    #[error(
        "an author has at most {MAX_OPEN_ITEMS_OF_AN_AUTHOR} open items in a thread: finish or abandon one"
    )]
    TooManyOpenItemsOfAuthor,
    /// Too many parts.
    #[error("expected at most {MAX_PARTS} parts, found {found}")]
    TooManyParts {
        /// How many.
        found: usize,
    },
    /// Too much content.
    #[error("expected at most {MAX_ITEM_BYTES} bytes of content, found {found}")]
    ItemTooLarge {
        /// How much.
        found: usize,
    },
    /// A delta names a part that is not there or holds no text.
    #[error("part {part} does not exist or holds no text")]
    NoSuchPart {
        /// Which.
        part: u16,
    },
    /// Too many appends to one item.
    #[error("an item takes at most {MAX_APPENDS} appends: finish it and open another one")]
    TooManyAppends,
    /// An append of deltas without any.
    #[error("expected at least one delta")]
    NoDeltas,
    /// Too many participants.
    #[error("a thread has at most {MAX_PARTICIPANTS} participants")]
    TooManyParticipants,
    /// Not a participant.
    #[error("no such participant in this thread")]
    ParticipantNotFound,
    /// Too many forks one upon the other.
    #[error(
        "at most {MAX_FORK_DEPTH} forks lie one upon the other: fork the thread that this one comes from"
    )]
    ForkTooDeep,
    /// What was read of the past is out of date: an item was changed meanwhile.
    #[error("the thread was changed while its past was read: try again")]
    PastChanged,
    /// JSON inside was refused.
    #[error(transparent)]
    Json(#[from] InvalidMetadata),
}
