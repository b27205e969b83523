//! What a decision is made on, beside the state.

use super::item::{Author, ItemStatus, NewItem};
use super::marks::Marks;
use super::mention::{Mentioned, Mentions};
use super::mentioning::Mentioning;
use super::parent::Parent;
use super::refusal::ThreadRefusal;
use super::state::{Thread, Written};
use super::template::ThreadTemplate;
use crate::access::{Action, Caller, Principal};
use crate::ids::Position;

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
    /// The template that the command names, if there is one with this id.
    pub template: Option<&'a ThreadTemplate>,
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
