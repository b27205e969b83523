//! What a decision is made on, beside the state.

use super::event::ItemCopied;
use super::item::{Author, ItemStatus, NewItem};
use super::marks::Marks;
use super::mention::{Mentioned, Mentions};
use super::mentioning::Mentioning;
use super::parent::Parent;
use super::refusal::ThreadRefusal;
use super::state::{Thread, Written};
use super::template::ThreadTemplate;
use crate::access::{Action, Caller, Principal};
use crate::ids::{Offset, Position, ThreadId};
use crate::time::Time;

/// What a decision needs to know beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whether the thread has an item with the id that the command brings.
    pub item_exists: bool,
    /// What has been written of the item that the command closes, if that is open.
    pub written: Option<&'a Written>,
    /// The item that the command is about, or that its new one follows, if there is one with this id
    /// and it is not deleted.
    pub item: Option<&'a PostedItem>,
    /// The marks on that item, where the command is about them.
    pub marks: Option<&'a Marks>,
    /// That item whole, if the thread is a fork that shares it with its source.
    pub shared: Option<&'a ItemCopied>,
    /// Where the command forks the thread.
    pub fork: Option<&'a ForkFacts>,
    /// The template that the command names, if there is one with this id.
    pub template: Option<&'a ThreadTemplate>,
}

/// What forking a thread needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkFacts {
    /// The thread that is forked.
    pub source: ThreadId,
    /// Whether a thread with the fork's id lives.
    pub taken: bool,
    /// The newest event of the project that the rows have: everything of the thread lies before it.
    pub now: Offset,
    /// How many forks lie one upon the other in the thread; 0 if it is none.
    pub depth: u8,
    /// Whether an item was changed since the past was read from which the thread is to be forked.
    pub changed: bool,
    /// When the last item came that is shared, if there is one.
    pub last_item_at: Option<Time>,
}

/// What a decision needs to know of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedItem {
    /// Position of the event that posted or opened it.
    pub position: Position,
    /// Who wrote it.
    pub author: Author,
    /// How far it has got.
    pub status: ItemStatus,
    /// Whom it mentions.
    pub mentions: Mentions,
}

impl<'a> Facts<'a> {
    /// What a new item follows must be there.
    pub(super) fn check_parent(&self, item: &NewItem) -> Result<(), ThreadRefusal> {
        match item.parent {
            Some(Parent::Item(_)) if self.item.is_none() => Err(ThreadRefusal::ParentNotFound),
            _ => Ok(()),
        }
    }

    /// The caller as it mentions others in an item.
    pub(super) const fn mentioning<'b>(
        &self,
        thread: &'b Thread,
        author: &'b Author,
    ) -> Mentioning<'b>
    where
        'a: 'b,
    {
        Mentioning {
            caller: self.caller,
            access: &thread.access,
            author,
        }
    }

    /// What mentions in place of those of the item mean that the command is about.
    pub(super) fn mentions_instead(
        &self,
        thread: &Thread,
        named: Mentions,
    ) -> Result<Option<Mentioned>, ThreadRefusal> {
        let item = self.item.ok_or(ThreadRefusal::ItemNotFound)?;
        let marks = self.marks.ok_or(ThreadRefusal::ItemNotFound)?;
        let mentioning = self.mentioning(thread, &item.author);
        mentioning.instead(&item.mentions, &marks.reached, named)
    }

    /// The item that the command is about, if the caller may change it: its own, or any if it may
    /// update the thread. All guests are one principal, so what one of them wrote is no other's own.
    pub(super) fn changeable(&self, thread: &Thread) -> Result<&'a PostedItem, ThreadRefusal> {
        let item = self.item.ok_or(ThreadRefusal::ItemNotFound)?;
        let has_name = self.caller.principal != Principal::Guest;
        let own = has_name && item.author == Author::principal(&self.caller.principal);
        if own || thread.access.allows(self.caller, Action::Update) {
            return Ok(item);
        }
        Err(ThreadRefusal::NotTheAuthor)
    }
}
