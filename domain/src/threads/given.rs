//! Given events, when a command comes, then events or a refusal. The cast: one thread with an
//! owner, a member and a viewer, and outside of it a stranger, a guest and an API key.

use std::collections::BTreeMap;

use serde_json::json;

use super::item::NewItem;
use super::{
    Author, Facts, ForkFacts, ItemCopied, ItemDeleted, ItemEdited, ItemFinished, ItemOpened,
    ItemPosted, ItemRole, ItemStatus, Marks, Mentioned, Mentions, Metadata, Part, Participant,
    ParticipantId, ParticipantRole, PostedItem, ThreadAccess, ThreadCommand, ThreadCreated,
    ThreadEvent, ThreadRefusal, ThreadState, ThreadTemplate, Written,
};
use crate::access::{Caller, Permissions, Principal, Privilege, RoleSet, Scopes};
use crate::ids::{AgentId, ItemId, KeyId, Offset, Position, ProjectNumber, ThreadId, UserId};

const PROJECT: ProjectNumber = ProjectNumber(2);

/// A thread with a history, and whether it has the item that the next command brings.
pub(super) struct Given {
    state: ThreadState,
    next: Offset,
    item_exists: bool,
    /// What was written of open items, as their rows would have it.
    written: BTreeMap<ItemId, Written>,
    /// Items that are there, as their rows would have it.
    items: BTreeMap<ItemId, PostedItem>,
    /// Marks on the item that the next command is about.
    marks: Marks,
    /// That item whole, where the thread shares it with its source.
    shared: Option<ItemCopied>,
    /// What forking needs to know.
    fork: ForkFacts,
    /// The template that the next command names.
    template: Option<ThreadTemplate>,
}

/// What became of a command.
pub(super) struct Outcome {
    given: Given,
    answer: Result<Vec<ThreadEvent>, ThreadRefusal>,
}

/// A thread that these events made.
pub(super) fn given(events: impl IntoIterator<Item = ThreadEvent>) -> Given {
    Given {
        state: ThreadState::Absent(None),
        next: Offset(1),
        item_exists: false,
        written: BTreeMap::new(),
        items: BTreeMap::new(),
        marks: Marks::default(),
        shared: None,
        fork: ForkFacts {
            source: thread_id(),
            taken: false,
            now: Offset(40),
            depth: 0,
            changed: false,
            last_item_at: None,
        },
        template: None,
    }
    .and(events)
}

impl Given {
    /// Further events.
    pub(super) fn and(mut self, events: impl IntoIterator<Item = ThreadEvent>) -> Self {
        for event in events {
            self.state.apply(self.next, &event);
            self.next = self.next.next();
            write(&mut self.written, &event);
            let position = self.state.head().map_or(Position(0), |head| head.position);
            enter(&mut self.items, position, &event);
        }
        self
    }

    /// The thread has the item among its rows.
    pub(super) fn with_that_item(mut self) -> Self {
        self.item_exists = true;
        self
    }

    /// These marks are on the item that the next command is about.
    pub(super) fn with_marks(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// The thread shares the item that the next command is about with its source.
    pub(super) fn sharing(mut self, item: ItemCopied) -> Self {
        let posted = PostedItem {
            position: item.opened,
            author: item.author.clone(),
            status: item.status,
            mentions: item.mentions.clone(),
        };
        self.items.insert(item.item.clone(), posted);
        self.shared = Some(item);
        self
    }

    /// Where it is forked, this is known.
    pub(super) fn knowing(mut self, fork: ForkFacts) -> Self {
        self.fork = fork;
        self
    }

    /// The template that the next command names says this.
    pub(super) fn with_template(mut self, template: ThreadTemplate) -> Self {
        self.template = Some(template);
        self
    }

    /// The caller sends the command.
    pub(super) fn when(self, caller: &Caller, command: ThreadCommand) -> Outcome {
        let facts = Facts {
            caller,
            item_exists: self.item_exists,
            written: command.closes().and_then(|item| self.written.get(item)),
            item: command.about().and_then(|item| self.items.get(item)),
            marks: command.marks().map(|_| &self.marks),
            shared: self.shared.as_ref(),
            fork: command.forks().map(|_| &self.fork),
            template: command.template().and(self.template.as_ref()),
        };
        let answer = command.decide(&self.state, facts);
        Outcome {
            given: self,
            answer,
        }
    }

    pub(super) fn state(&self) -> &ThreadState {
        &self.state
    }
}

impl Outcome {
    /// It is granted with exactly this event; returns the thread after it.
    #[track_caller]
    pub(super) fn then(self, expected: impl Into<ThreadEvent>) -> Given {
        let expected = vec![expected.into()];
        assert_eq!(self.answer.as_ref(), Ok(&expected));
        self.given.and(expected)
    }

    /// The one event that grants it.
    #[track_caller]
    pub(super) fn only_event(&self) -> &ThreadEvent {
        match self.answer.as_deref() {
            Ok([event]) => event,
            other => panic!("expected one event, found {other:?}"),
        }
    }

    /// It is granted, whatever the event says; returns the thread after it.
    #[track_caller]
    pub(super) fn then_granted(self) -> Given {
        let events = self.answer.expect("expected a grant");
        assert!(!events.is_empty(), "expected an event");
        self.given.and(events)
    }

    /// The events that grant it.
    #[track_caller]
    pub(super) fn events(self) -> Vec<ThreadEvent> {
        self.answer.expect("expected a grant")
    }

    /// It is granted and there is nothing to do.
    #[track_caller]
    pub(super) fn then_nothing(self) {
        assert_eq!(self.answer, Ok(Vec::new()));
    }

    /// It is refused.
    #[track_caller]
    pub(super) fn refused(self, expected: ThreadRefusal) {
        assert_eq!(self.answer, Err(expected));
    }
}

/// What rows say of open items after an event.
pub(super) fn write(written: &mut BTreeMap<ItemId, Written>, event: &ThreadEvent) {
    match event {
        ThreadEvent::ItemOpened(opened) => {
            let begun = Written {
                parts: opened.parts.clone(),
                metadata: opened.metadata.clone(),
            };
            written.insert(opened.item.clone(), begun);
        }
        ThreadEvent::ItemDelta(appended) => {
            if let Some(written) = written.get_mut(&appended.item) {
                for delta in &appended.deltas {
                    delta.apply(&mut written.parts);
                }
            }
        }
        _ => {}
    }
}

/// What rows say of items after an event at a position.
pub(super) fn enter(
    items: &mut BTreeMap<ItemId, PostedItem>,
    position: Position,
    event: &ThreadEvent,
) {
    let (item, author, status, mentions) = match event {
        ThreadEvent::ItemPosted(ItemPosted {
            item,
            author,
            mentions,
            ..
        }) => (item, author, ItemStatus::Finished, mentions),
        ThreadEvent::ItemOpened(ItemOpened {
            item,
            author,
            mentions,
            ..
        }) => (item, author, ItemStatus::Open, mentions),
        ThreadEvent::ItemEdited(ItemEdited { item, mentions, .. })
        | ThreadEvent::ItemFinished(ItemFinished { item, mentions, .. }) => {
            if let (Some(item), Some(mentions)) = (items.get_mut(item), mentions) {
                item.mentions = mentions.named.clone();
            }
            return;
        }
        ThreadEvent::ItemDeleted(deleted) => return drop(items.remove(&deleted.item)),
        ThreadEvent::ItemsExpired(expired) => {
            let gone = |item: &ItemId| expired.items.iter().any(|gone| gone.item == *item);
            return items.retain(|item, _| !gone(item));
        }
        ThreadEvent::ThreadCreated(_) => return items.clear(),
        _ => return,
    };
    let posted = PostedItem {
        position,
        author: author.clone(),
        status,
        mentions: named(mentions.as_ref()),
    };
    items.insert(item.clone(), posted);
}

fn named(mentions: Option<&Mentioned>) -> Mentions {
    mentions.map_or_else(Mentions::new, |mentions| mentions.named.clone())
}

/// The same command by several callers, each refused in its own way.
#[track_caller]
pub(super) fn denials(
    history: &[ThreadEvent],
    command: &ThreadCommand,
    table: impl IntoIterator<Item = (Caller, ThreadRefusal)>,
) {
    for (caller, expected) in table {
        given(history.iter().cloned())
            .when(&caller, command.clone())
            .refused(expected);
    }
}

fn user(name: &str) -> Caller {
    let id = UserId::parse(name).unwrap();
    Caller {
        project: PROJECT,
        roles: RoleSet::user(&id, false, &[]),
        principal: Principal::User(id),
        on_behalf_of: None,
        scopes: Scopes::user(),
        privilege: Privilege::Ordinary,
        access_epoch: Offset(0),
    }
}

pub(super) fn owner() -> Caller {
    user("owner")
}

pub(super) fn member() -> Caller {
    user("member")
}

pub(super) fn viewer() -> Caller {
    user("viewer")
}

/// Signed in, but nothing to do with the thread.
pub(super) fn stranger() -> Caller {
    user("stranger")
}

pub(super) fn guest() -> Caller {
    Caller::guest(PROJECT, Offset(0))
}

/// An API key: scopes bound it, permissions do not.
pub(super) fn key() -> Caller {
    Caller {
        principal: Principal::Key(KeyId::parse("key").unwrap()),
        roles: RoleSet::default(),
        scopes: Scopes::all(),
        privilege: Privilege::Key,
        ..guest()
    }
}

pub(super) fn person(name: &str) -> ParticipantId {
    ParticipantId::User(UserId::parse(name).unwrap())
}

pub(super) fn agent(name: &str) -> ParticipantId {
    ParticipantId::Agent(AgentId::parse(name).unwrap())
}

pub(super) fn participant(id: ParticipantId, role: ParticipantRole) -> Participant {
    Participant { id, role }
}

pub(super) fn permissions(texts: &[&str]) -> Permissions {
    Permissions::parse(texts).unwrap()
}

pub(super) fn metadata() -> Metadata {
    Metadata::parse(json!({ "topic": "tides" })).unwrap()
}

pub(super) fn thread_id() -> ThreadId {
    ThreadId::parse("t1").unwrap()
}

pub(super) fn item_id(text: &str) -> ItemId {
    ItemId::parse(text).unwrap()
}

pub(super) fn author(text: &str) -> Author {
    serde_json::from_value(json!(text)).unwrap()
}

pub(super) fn text(text: &str) -> Part {
    Part::Text { text: text.into() }
}

/// An item of the user's with one part.
pub(super) fn new_item(id: &str) -> NewItem {
    NewItem {
        id: item_id(id),
        role: ItemRole::User,
        parts: vec![text("hello")],
        metadata: Metadata::default(),
        tokens: None,
        author: None,
        parent: None,
        mentions: Mentions::new(),
    }
}

/// Access of the cast's thread: roles of participants, no permissions beside them.
pub(super) fn access() -> ThreadAccess {
    let participants = [
        (person("owner"), ParticipantRole::Owner),
        (person("member"), ParticipantRole::Member),
        (person("viewer"), ParticipantRole::Viewer),
    ];
    ThreadAccess {
        permissions: Permissions::default(),
        participants: participants.into(),
    }
}

/// The cast's thread begins.
pub(super) fn created() -> ThreadEvent {
    ThreadCreated {
        thread: thread_id(),
        name: None,
        metadata: Metadata::default(),
        access: access(),
        template: None,
    }
    .into()
}

/// The member begins to write an item.
pub(super) fn opened(id: &str) -> ThreadEvent {
    ItemOpened {
        item: item_id(id),
        author: author("user:member"),
        role: ItemRole::Assistant,
        parts: vec![text("so ")],
        metadata: metadata(),
        parent: None,
        mentions: None,
    }
    .into()
}

/// Somebody posts an item.
pub(super) fn posted(id: &str, by: &str) -> ThreadEvent {
    ItemPosted {
        item: item_id(id),
        author: author(by),
        role: ItemRole::User,
        parts: vec![text("hello")],
        metadata: Metadata::default(),
        tokens: None,
        parent: None,
        mentions: None,
    }
    .into()
}

/// An item that was posted at a position is deleted.
pub(super) fn deleted(id: &str, position: u64) -> ThreadEvent {
    ItemDeleted {
        item: item_id(id),
        opened: Position(position),
        was_open: false,
    }
    .into()
}
