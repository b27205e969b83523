//! The oracle's part about one thread.

use std::collections::BTreeMap;

use everlog_domain::access::{Action, Permissions};
use everlog_domain::ids::{ItemId, Offset, Position};
use everlog_domain::threads::{
    Author, Delta, ExpireItems, ForkThread, ItemsExpired, MarkRead, Mention, Mentioned, Mentions,
    Parent, Part, Participant, ParticipantId, ParticipantRole, PinItem, React, ThreadAccess,
    ThreadCommand, ThreadCreated, ThreadEvent, ThreadName, ThreadRefusal,
};

use super::ledger::Credential;
use super::told::Told;
use super::verdict::Verdict::{Granted, Nothing};
use super::verdict::{Verdict, fresh, grantable, name_of, rights_of, roles_of, there};
#[derive(Debug, Clone, Default)]
pub(super) struct Thread {
    /// Offset of its creation.
    incarnation: Offset,
    /// Where each item lies that is there, deleted or not.
    places: BTreeMap<Position, ItemId>,
    name: Option<ThreadName>,
    permissions: Permissions,
    participants: BTreeMap<ParticipantId, ParticipantRole>,
    /// Every item of this life, with its author; nothing of those that are deleted.
    items: BTreeMap<ItemId, Option<String>>,
    open: BTreeMap<ItemId, Writing>,
    /// Where the next item goes on, if it was said.
    continues: Option<ItemId>,
    /// Whom items mention, and who was told.
    mentions: BTreeMap<ItemId, Told>,
}

/// An item that is being written.
#[derive(Debug, Clone)]
pub(super) struct Writing {
    author: String,
    parts: Vec<Part>,
}

impl Thread {
    pub(super) fn begin(offset: Offset, event: &ThreadCreated) -> Self {
        Self {
            incarnation: offset,
            name: event.name.clone(),
            permissions: event.access.permissions.clone(),
            participants: event.access.participants.clone(),
            ..Self::default()
        }
    }

    pub(super) fn verdict(&self, who: &Credential, command: &ThreadCommand) -> Verdict {
        match command {
            // Handled before: it needs no thread.
            ThreadCommand::Create(_) => Granted,
            ThreadCommand::Update(update) => {
                let changes = update.metadata.is_some()
                    || update
                        .name
                        .as_ref()
                        .is_some_and(|name| Some(name) != self.name.as_ref());
                if changes {
                    self.needs(who, Action::Update, || Granted)
                } else if self.may(who, Action::Update) {
                    Nothing
                } else {
                    self.needs(who, Action::Read, || Nothing)
                }
            }
            ThreadCommand::SetPermissions(set) => {
                self.needs(who, Action::Update, || {
                    match grantable(who, &set.permissions) {
                        Granted if set.permissions == self.permissions => Nothing,
                        verdict => verdict,
                    }
                })
            }
            ThreadCommand::AddParticipant(add) => self.needs(who, Action::Update, || {
                let now = self.participants.get(&add.participant.id);
                if now == Some(&add.participant.role) {
                    return Nothing;
                }
                let rights = rights_of(add.participant.role).iter();
                let mut lacks = rights.filter(|action| !self.may(who, **action));
                match lacks.next() {
                    Some(&action) => ThreadRefusal::RightNotHeld { action }.into(),
                    None => Granted,
                }
            }),
            ThreadCommand::RemoveParticipant(remove) => {
                let own = remove.participant.to_string() == name_of(who);
                let needed = if own { Action::Read } else { Action::Update };
                self.needs(who, needed, || {
                    match self.participants.get(&remove.participant) {
                        Some(_) => Granted,
                        None => ThreadRefusal::ParticipantNotFound.into(),
                    }
                })
            }
            ThreadCommand::Delete(_) => self.needs(who, Action::Delete, || Granted),
            ThreadCommand::Post(post) => match self.new_item(who, &post.item.id) {
                Granted => match &post.item.parent {
                    Some(Parent::Item(parent)) if !self.is_there(parent) => {
                        ThreadRefusal::ParentNotFound.into()
                    }
                    _ => self.mention(who, None, &post.item.mentions),
                },
                verdict => verdict,
            },
            ThreadCommand::Open(open) => match self.new_item(who, &open.item.id) {
                Granted => match self.room_for(who) {
                    Granted => self.mention(who, None, &open.item.mentions),
                    verdict => verdict,
                },
                verdict => verdict,
            },
            ThreadCommand::Append(append) => self.write_on(who, &append.item),
            ThreadCommand::Finish(finish) => {
                match (self.write_on(who, &finish.item), &finish.mentions) {
                    (Granted, Some(named)) => self.mention(who, Some(&finish.item), named),
                    (verdict, _) => verdict,
                }
            }
            ThreadCommand::Abandon(abandon) => self.write_on(who, &abandon.item),
            ThreadCommand::Edit(edit) => self.change(who, &edit.item, || {
                match self.open.contains_key(&edit.item) {
                    true => ThreadRefusal::ItemStillOpen.into(),
                    false => match &edit.mentions {
                        Some(named) => self.mention(who, Some(&edit.item), named),
                        None => Granted,
                    },
                }
            }),
            ThreadCommand::DeleteItem(delete) => self.change(who, &delete.item, || Granted),
            ThreadCommand::Expire(expire) => match self.goes(expire) {
                true => Granted,
                false => Nothing,
            },
            // Whether they change anything lies with marks, which this model does not keep.
            ThreadCommand::React(React { item, .. })
            | ThreadCommand::MarkRead(MarkRead { item })
            | ThreadCommand::Pin(PinItem { item, .. }) => {
                unreachable!("no wish is about the marks of {item}")
            }
            ThreadCommand::Fork(ForkThread { fork, .. }) => {
                unreachable!("no wish is about the fork {fork}")
            }
            ThreadCommand::Switch(switch) => {
                self.needs(who, Action::Create, || match self.is_there(&switch.item) {
                    false => ThreadRefusal::ItemNotFound.into(),
                    true if self.continues.as_ref() == Some(&switch.item) => Nothing,
                    true => Granted,
                })
            }
        }
    }

    /// Whether a sweep lets anything go: what it saw, as far as that is there still and finished.
    fn goes(&self, expire: &ExpireItems) -> bool {
        let over = expire
            .oldest
            .iter()
            .take_while(|old| expire.stays_from.is_some_and(|first| old.opened < first));
        let mut there = over.filter(|old| self.places.get(&old.opened) == Some(&old.item));
        expire.incarnation == self.incarnation
            && there.any(|old| !self.open.contains_key(&old.item))
    }

    fn let_go(&mut self, event: &ItemsExpired) -> Result<(), String> {
        for gone in &event.items {
            let was = self.places.remove(&gone.opened);
            there(was.as_ref() == Some(&gone.item), "item")?;
            there(self.items.remove(&gone.item).is_some(), "item")?;
            self.mentions.remove(&gone.item);
            fresh(
                !self.open.contains_key(&gone.item),
                "item that is being written",
            )?;
        }
        let continues = self.continues.as_ref();
        let ends = continues.is_some_and(|item| event.items.iter().any(|gone| gone.item == *item));
        there(ends == event.ends_branch, "branch")?;
        self.continues = self.continues.take().filter(|_| !ends);
        let left = self.places.keys();
        let expired = left.filter(|opened| event.expired.holds(**opened)).count();
        there(expired == 0, "item that has not expired")
    }

    fn is_there(&self, item: &ItemId) -> bool {
        matches!(self.items.get(item), Some(Some(_)))
    }

    /// What must become of a wish to change an item.
    fn change(&self, who: &Credential, item: &ItemId, then: impl FnOnce() -> Verdict) -> Verdict {
        self.needs(who, Action::Create, || match self.items.get(item) {
            None | Some(None) => ThreadRefusal::ItemNotFound.into(),
            Some(Some(author)) if *author == name_of(who) => then(),
            Some(Some(_)) if self.may(who, Action::Update) => then(),
            Some(Some(_)) => ThreadRefusal::NotTheAuthor.into(),
        })
    }

    /// What must become of mentions, in place of those that an item has.
    fn mention(&self, who: &Credential, item: Option<&ItemId>, wanted: &Mentions) -> Verdict {
        let told = item.and_then(|item| self.mentions.get(item));
        for mention in wanted {
            if told.is_some_and(|told| told.names(mention)) {
                continue;
            }
            let known = match mention {
                Mention::Everyone => true,
                Mention::Participant(id) => self.participants.contains_key(id),
            };
            if !known || !self.may(who, Action::Read) {
                return ThreadRefusal::MentionNotFound.into();
            }
            let action = Action::Update;
            if *mention == Mention::Everyone && !self.may(who, action) {
                return ThreadRefusal::Forbidden { action }.into();
            }
        }
        Granted
    }

    /// Takes in whom an event mentions.
    fn tell(&mut self, item: &ItemId, event: Option<&Mentioned>) -> Result<(), String> {
        let Some(event) = event else { return Ok(()) };
        let author = self.items.get(item).cloned().flatten().unwrap_or_default();
        let told = self.mentions.entry(item.clone()).or_default();
        told.take(event, &self.participants, &author)
    }

    /// A new item goes on where it was switched to, unless it says where itself.
    fn enter(
        &mut self,
        item: &ItemId,
        author: &Author,
        parent: Option<&Parent>,
    ) -> Result<(), String> {
        let author = author.as_str().to_owned();
        fresh(
            self.items.insert(item.clone(), Some(author)).is_none(),
            "item",
        )?;
        match (self.continues.take(), parent) {
            (Some(_), None) => Err("the branch that was switched to was left".to_owned()),
            (None, Some(Parent::Item(parent))) => there(self.is_there(parent), "parent"),
            _ => Ok(()),
        }
    }

    fn new_item(&self, who: &Credential, item: &ItemId) -> Verdict {
        self.needs(who, Action::Create, || {
            match self.items.contains_key(item) {
                true => ThreadRefusal::ItemAlreadyExists.into(),
                false => Granted,
            }
        })
    }

    /// Whether one more item may be open.
    fn room_for(&self, who: &Credential) -> Verdict {
        let name = name_of(who);
        let own = self.open.values().filter(|open| open.author == name);
        match (self.open.len(), own.count()) {
            (32.., _) => ThreadRefusal::TooManyOpenItems.into(),
            (_, 8..) => ThreadRefusal::TooManyOpenItemsOfAuthor.into(),
            _ => Granted,
        }
    }

    fn write_on(&self, who: &Credential, item: &ItemId) -> Verdict {
        self.needs(who, Action::Create, || match self.open.get(item) {
            None => ThreadRefusal::ItemNotOpen.into(),
            Some(writing) if writing.author == name_of(who) => Granted,
            Some(_) if self.may(who, Action::Update) => Granted,
            Some(_) => ThreadRefusal::NotTheAuthor.into(),
        })
    }

    fn needs(&self, who: &Credential, action: Action, then: impl FnOnce() -> Verdict) -> Verdict {
        if self.may(who, action) {
            then()
        } else if self.may(who, Action::Read) {
            ThreadRefusal::Forbidden { action }.into()
        } else {
            ThreadRefusal::NotFound.into()
        }
    }

    fn may(&self, who: &Credential, action: Action) -> bool {
        let Credential::Session(user, _) = who else {
            return true;
        };
        let roles = roles_of(user);
        let granted = self.permissions.iter();
        let mut granted = granted.filter(|permission| permission.action == action);
        let by_role = granted.any(|permission| roles.contains(&permission.role.to_string()));
        let by_part = match self.participants.get(&ParticipantId::User(user.clone())) {
            None => false,
            Some(role) => rights_of(*role).contains(&action),
        };
        by_role || by_part
    }

    pub(super) fn apply(&mut self, position: Position, event: &ThreadEvent) -> Result<(), String> {
        match event {
            ThreadEvent::ThreadCreated(_) | ThreadEvent::ThreadDeleted(_) => {}
            ThreadEvent::ThreadUpdated(event) => {
                self.name = event.name.clone().or_else(|| self.name.take());
            }
            ThreadEvent::ThreadPermissionsChanged(event) => {
                self.permissions = event.access.permissions.clone();
                self.check_access(&event.access)?;
            }
            ThreadEvent::ParticipantAdded(event) => {
                let Participant { id, role } = event.participant.clone();
                if self.participants.insert(id.clone(), role).is_some() {
                    self.keep_of(&id, rights_of(role));
                }
                self.check_access(&event.access)?;
            }
            ThreadEvent::ParticipantRemoved(event) => {
                let removed = self.participants.remove(&event.participant);
                there(removed.is_some(), "participant")?;
                self.keep_of(&event.participant, &[]);
                self.check_access(&event.access)?;
            }
            ThreadEvent::ItemsExpired(event) => self.let_go(event)?,
            ThreadEvent::ItemPosted(event) => {
                self.places.insert(position, event.item.clone());
                self.enter(&event.item, &event.author, event.parent.as_ref())?;
                self.tell(&event.item, event.mentions.as_ref())?;
            }
            ThreadEvent::ItemEdited(event) => {
                there(self.is_there(&event.item), "item")?;
                self.tell(&event.item, event.mentions.as_ref())?;
            }
            ThreadEvent::ThreadRead(_)
            | ThreadEvent::ItemReactionAdded(_)
            | ThreadEvent::ItemReactionRemoved(_)
            | ThreadEvent::ItemPinned(_)
            | ThreadEvent::ItemUnpinned(_) => return Err("nobody asked for marks".to_owned()),
            ThreadEvent::ThreadForked(_) | ThreadEvent::ItemCopied(_) => {
                return Err("nobody asked for a fork".to_owned());
            }
            ThreadEvent::ItemDeleted(event) => {
                let was_open = self.open.remove(&event.item).is_some();
                fresh(was_open == event.was_open, "item that is being written")?;
                self.mentions.remove(&event.item);
                let gone = self.items.insert(event.item.clone(), None);
                there(matches!(gone, Some(Some(_))), "item")?;
            }
            ThreadEvent::BranchSwitched(event) => {
                there(self.is_there(&event.item), "item")?;
                self.continues = Some(event.item.clone());
            }
            ThreadEvent::ItemOpened(event) => {
                self.places.insert(position, event.item.clone());
                self.enter(&event.item, &event.author, event.parent.as_ref())?;
                self.tell(&event.item, event.mentions.as_ref())?;
                let writing = Writing {
                    author: event.author.as_str().to_owned(),
                    parts: event.parts.clone(),
                };
                self.open.insert(event.item.clone(), writing);
            }
            ThreadEvent::ItemDelta(event) => {
                let writing = self.open.get_mut(&event.item);
                writing.ok_or("the item is not open")?.append(&event.deltas);
            }
            ThreadEvent::ItemFinished(event) => {
                self.close(&event.item, &event.parts)?;
                self.tell(&event.item, event.mentions.as_ref())?;
            }
            ThreadEvent::ItemAbandoned(event) => self.close(&event.item, &event.parts)?,
        }
        Ok(())
    }

    /// Of what was granted to somebody by name, in whatever state its address is, these rights stay.
    fn keep_of(&mut self, id: &ParticipantId, rights: &[Action]) {
        let named = format!("\"{id}");
        let kept = self.permissions.iter().filter(|permission| {
            let text = permission.to_string();
            let names = text.contains(&format!("{named}\"")) || text.contains(&format!("{named}/"));
            !names || rights.contains(&permission.action)
        });
        self.permissions = kept.cloned().collect();
    }

    /// An event about access says all of what holds after it.
    fn check_access(&self, access: &ThreadAccess) -> Result<(), String> {
        let same =
            access.permissions == self.permissions && access.participants == self.participants;
        same.then_some(())
            .ok_or_else(|| format!("expected {self:?}, the event says {access:?}"))
    }

    fn close(&mut self, item: &ItemId, parts: &[Part]) -> Result<(), String> {
        let writing = self.open.remove(item).ok_or("the item is not open")?;
        (writing.parts == parts)
            .then_some(())
            .ok_or_else(|| format!("expected {:?}, the event says {parts:?}", writing.parts))
    }
}

impl Writing {
    fn append(&mut self, deltas: &[Delta]) {
        for delta in deltas {
            match delta {
                Delta::Part { part } => self.parts.push(part.clone()),
                Delta::Text { part, text } => {
                    if let Some(Part::Text { text: whole }) = self.parts.get_mut(usize::from(*part))
                    {
                        whole.push_str(text);
                    }
                }
            }
        }
    }
}
