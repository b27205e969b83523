//! Properties of the fold: it takes in anything, and deciding on it keeps it sound.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest,
};
use proptest::prop_oneof;
use serde_json::json;

use super::{ItemInProgress, ThreadState, Written};
use crate::access::{Action, Caller};
use crate::ids::{ItemId, Offset, Position};
use crate::threads::bounds::{MAX_OPEN_ITEMS, MAX_OPEN_ITEMS_OF_AN_AUTHOR};
use crate::threads::given::{
    access, agent, author, enter, guest, key, member, metadata, new_item, owner, participant,
    permissions, person, stranger, text, thread_id, viewer, write,
};
use crate::threads::item::part_bytes;
use crate::threads::{
    AbandonItem, AddParticipant, AppendDelta, BranchSwitched, CreateThread, DeleteItem,
    DeleteThread, Delta, EditItem, Facts, FinishItem, ItemAbandoned, ItemDeleted, ItemDelta,
    ItemEdited, ItemFinished, ItemOpened, ItemPosted, ItemRole, Metadata, NewItem, OpenItem,
    Parent, Part, ParticipantAdded, ParticipantId, ParticipantRemoved, ParticipantRole, PostItem,
    PostedItem, RemoveParticipant, SetPermissions, SwitchBranch, ThreadAccess, ThreadCommand,
    ThreadCreated, ThreadDeleted, ThreadEvent, ThreadName, ThreadPermissionsChanged, ThreadRefusal,
    ThreadUpdated, UpdateThread,
};

/// Few ids, so that events and commands meet.
fn item() -> impl Strategy<Value = ItemId> {
    (0..40u8).prop_map(|n| ItemId::parse(&format!("i{n}")).unwrap())
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        "[a-zé]{0,6}".prop_map(|t| text(&t)),
        "[a-z]{0,6}".prop_map(|text| Part::Reasoning { text }),
        any::<u8>().prop_map(|n| Part::Data {
            name: "n".into(),
            data: json!({ "n": n }),
        }),
    ]
}

fn delta() -> impl Strategy<Value = Delta> {
    prop_oneof![
        4 => (0..5u16, "[a-zé]{0,6}").prop_map(|(part, text)| Delta::Text { part, text }),
        1 => part().prop_map(|part| Delta::Part { part }),
    ]
}

fn who() -> impl Strategy<Value = ParticipantId> {
    prop_oneof![
        Just(person("owner")),
        Just(person("member")),
        Just(person("viewer")),
        Just(person("stranger")),
        Just(agent("tutor")),
    ]
}

fn role() -> impl Strategy<Value = ParticipantRole> {
    prop_oneof![
        Just(ParticipantRole::Owner),
        Just(ParticipantRole::Member),
        Just(ParticipantRole::Viewer),
    ]
}

fn some_access() -> impl Strategy<Value = ThreadAccess> {
    vec((who(), role()), 0..4).prop_map(|participants| ThreadAccess {
        participants: participants.into_iter().collect(),
        ..access()
    })
}

fn some_metadata() -> impl Strategy<Value = Metadata> {
    prop_oneof![Just(Metadata::default()), Just(metadata())]
}

fn name() -> impl Strategy<Value = Option<ThreadName>> {
    "[a-z]{0,3}".prop_map(|text| ThreadName::parse(&text))
}

/// Any event, whether it fits or not.
fn event() -> impl Strategy<Value = ThreadEvent> {
    let created = (name(), some_metadata(), some_access()).prop_map(|(name, metadata, access)| {
        let thread = thread_id();
        ThreadCreated {
            thread,
            name,
            metadata,
            access,
            template: None,
        }
        .into()
    });
    let updated = (name(), some_metadata()).prop_map(|(name, metadata)| {
        ThreadUpdated {
            name,
            metadata: Some(metadata),
        }
        .into()
    });
    let changed = some_access().prop_map(|access| ThreadPermissionsChanged { access }.into());
    let added = (who(), role(), some_access()).prop_map(|(id, role, access)| {
        ParticipantAdded {
            participant: participant(id, role),
            access,
        }
        .into()
    });
    let removed = (who(), some_access()).prop_map(|(participant, access)| {
        ParticipantRemoved {
            participant,
            access,
        }
        .into()
    });
    let deleted = Just(
        ThreadDeleted {
            thread: thread_id(),
        }
        .into(),
    );
    let posted = (item(), vec(part(), 0..3)).prop_map(|(item, parts)| {
        let metadata = metadata();
        let author = author("user:member");
        ItemPosted {
            item,
            author,
            role: ItemRole::User,
            parts,
            metadata,
            tokens: None,
            parent: None,
            mentions: None,
        }
        .into()
    });
    let opened = (item(), vec(part(), 0..3)).prop_map(|(item, parts)| {
        let metadata = metadata();
        let author = author("user:member");
        ItemOpened {
            item,
            author,
            role: ItemRole::Tool,
            parts,
            metadata,
            parent: None,
            mentions: None,
        }
        .into()
    });
    let delta = (item(), any::<u64>(), vec(delta(), 0..4)).prop_map(|(item, opened, deltas)| {
        ItemDelta {
            item,
            opened: Position(opened),
            deltas,
        }
        .into()
    });
    let finished = (item(), any::<u64>(), vec(part(), 0..3)).prop_map(|(item, opened, parts)| {
        let metadata = metadata();
        ItemFinished {
            item,
            opened: Position(opened),
            parts,
            metadata,
            tokens: None,
            mentions: None,
        }
        .into()
    });
    let abandoned = (item(), any::<u64>(), vec(part(), 0..3)).prop_map(|(item, opened, parts)| {
        ItemAbandoned {
            item,
            opened: Position(opened),
            parts,
            reason: None,
        }
        .into()
    });
    let edited = (item(), any::<u64>(), vec(part(), 0..3)).prop_map(|(item, opened, parts)| {
        ItemEdited {
            item,
            opened: Position(opened),
            parts: Some(parts),
            metadata: None,
            tokens: None,
            mentions: None,
        }
        .into()
    });
    let gone = (item(), any::<u64>(), any::<bool>()).prop_map(|(item, opened, was_open)| {
        ItemDeleted {
            item,
            opened: Position(opened),
            was_open,
        }
        .into()
    });
    let switched = item().prop_map(|item| BranchSwitched { item }.into());
    prop_oneof![
        created, updated, changed, added, removed, deleted, posted, opened, delta, finished,
        abandoned, edited, gone, switched
    ]
}

fn caller() -> impl Strategy<Value = Caller> {
    let everybody: [fn() -> Caller; 6] = [owner, member, viewer, stranger, guest, key];
    proptest::sample::select(everybody.to_vec()).prop_map(|caller| caller())
}

fn command() -> impl Strategy<Value = ThreadCommand> {
    let create = Just(ThreadCommand::Create(CreateThread {
        thread: thread_id(),
        name: None,
        metadata: Metadata::default(),
        permissions: None,
        participants: vec![participant(person("member"), ParticipantRole::Member)],
        template: None,
    }));
    let update = name().prop_map(|name| {
        ThreadCommand::Update(UpdateThread {
            name,
            metadata: None,
        })
    });
    let grant = prop_oneof![
        Just(vec![]),
        Just(vec!["read(\"any\")"]),
        Just(vec!["write(\"any\")"])
    ]
    .prop_map(|texts| permissions(&texts))
    .prop_map(|permissions| ThreadCommand::SetPermissions(SetPermissions { permissions }));
    let add = (who(), role()).prop_map(|(id, role)| {
        ThreadCommand::AddParticipant(AddParticipant {
            participant: participant(id, role),
        })
    });
    let remove = who().prop_map(|participant| {
        ThreadCommand::RemoveParticipant(RemoveParticipant { participant })
    });
    let delete = Just(ThreadCommand::Delete(DeleteThread {
        thread: thread_id(),
    }));
    let fresh = |id: ItemId, parts| NewItem {
        id,
        parts,
        ..new_item("i0")
    };
    let parent = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Parent::Beginning)),
        2 => item().prop_map(|item| Some(Parent::Item(item)))
    ];
    let post = (item(), vec(part(), 0..3), parent).prop_map(move |(id, parts, parent)| {
        let mut item = fresh(id, parts);
        item.parent = parent;
        ThreadCommand::Post(PostItem { item })
    });
    let open = (item(), vec(part(), 0..3)).prop_map(move |(id, parts)| {
        ThreadCommand::Open(OpenItem {
            item: fresh(id, parts),
        })
    });
    let append = (item(), vec(delta(), 0..3))
        .prop_map(|(item, deltas)| ThreadCommand::Append(AppendDelta { item, deltas }));
    let finish = item().prop_map(|item| {
        ThreadCommand::Finish(FinishItem {
            item,
            tokens: Some(1),
            metadata: None,
            mentions: None,
        })
    });
    let abandon =
        item().prop_map(|item| ThreadCommand::Abandon(AbandonItem { item, reason: None }));
    let edit = (item(), vec(part(), 0..3)).prop_map(|(item, parts)| {
        ThreadCommand::Edit(EditItem {
            item,
            parts: Some(parts),
            metadata: None,
            tokens: None,
            mentions: None,
        })
    });
    let erase = item().prop_map(|item| ThreadCommand::DeleteItem(DeleteItem { item }));
    let switch = item().prop_map(|item| ThreadCommand::Switch(SwitchBranch { item }));
    prop_oneof![
        2 => create, 1 => update, 1 => grant, 1 => add, 1 => remove, 1 => delete,
        3 => post, 12 => open, 6 => append, 2 => finish, 1 => abandon,
        2 => edit, 1 => erase, 1 => switch
    ]
}

fn fold(events: &[ThreadEvent]) -> ThreadState {
    let mut state = ThreadState::Absent(None);
    for (offset, event) in (1..).zip(events) {
        state.apply(Offset(offset), event);
    }
    state
}

/// What a sound thread keeps, whatever happened to it.
fn is_sound(state: &ThreadState, written: &BTreeMap<ItemId, Written>) -> bool {
    let ThreadState::Live(thread) = state else {
        return true;
    };
    let open_of = |author| {
        let open = thread.open.values();
        open.filter(|item| item.author == author).count()
    };
    thread.open.len() <= MAX_OPEN_ITEMS
        && ["user:owner", "user:member", "key:key"]
            .iter()
            .all(|name| open_of(author(name)) <= MAX_OPEN_ITEMS_OF_AN_AUTHOR)
        && thread
            .open
            .values()
            .all(|item| item.opened <= thread.head.position)
        && thread
            .open
            .iter()
            .all(|(id, item)| agrees(item, &written[id].parts))
}

/// How far an item has got is what its rows say.
fn agrees(item: &ItemInProgress, parts: &[Part]) -> bool {
    item.bytes == parts.iter().map(part_bytes).sum::<usize>()
        && item
            .takes_text
            .iter()
            .copied()
            .eq(parts.iter().map(Part::takes_text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_event_is_taken_in_and_moves_a_living_thread_by_one(events in vec(event(), 0..80)) {
        let mut state = ThreadState::Absent(None);
        for (offset, event) in (1..).zip(&events) {
            let before = state.head();
            let lived = matches!(state, ThreadState::Live(_));
            state.apply(Offset(offset), event);
            let head = state.head();
            match event {
                ThreadEvent::ThreadCreated(_) => {
                    let head = head.map(|head| (head.incarnation, head.position));
                    prop_assert_eq!(head, Some((Offset(offset), Position(1))));
                }
                _ if lived => {
                    let moved = before.map(|head| (head.incarnation, head.position.next()));
                    prop_assert_eq!(head.map(|head| (head.incarnation, head.position)), moved);
                }
                _ => prop_assert_eq!(head, before),
            }
        }
    }

    #[test]
    fn folding_at_once_or_in_two_steps_gives_the_same(events in vec(event(), 0..40), cut in 0..40usize) {
        let whole = fold(&events);
        let (first, rest) = events.split_at(cut.min(events.len()));
        let mut state = fold(first);
        for (offset, event) in (first.len() as u64 + 1..).zip(rest) {
            state.apply(Offset(offset), event);
        }
        prop_assert_eq!(state, whole);
    }

    #[test]
    fn decisions_keep_the_thread_sound(wishes in vec((caller(), command()), 0..150)) {
        let mut state = ThreadState::Absent(None);
        let mut log: Vec<ThreadEvent> = Vec::new();
        let mut written: BTreeMap<ItemId, Written> = BTreeMap::new();
        let mut items: BTreeMap<ItemId, PostedItem> = BTreeMap::new();
        for (caller, command) in wishes {
            let closed = command.closes().and_then(|item| written.get(item));
            let about = command.about().and_then(|item| items.get(item));
            let facts = Facts { caller: &caller, item_exists: false, written: closed, item: about, marks: None, shared: None, fork: None, template: None };
            for event in command.decide(&state, facts).unwrap_or_default() {
                log.push(event.clone());
                state.apply(Offset(log.len() as u64), &event);
                write(&mut written, &event);
                let position = state.head().map_or(Position(0), |head| head.position);
                enter(&mut items, position, &event);
            }
            prop_assert!(is_sound(&state, &written), "{state:?}");
        }
        prop_assert_eq!(fold(&log), state);
    }

    #[test]
    fn who_may_not_read_finds_no_thread(
        events in vec(event(), 0..20),
        caller in caller(),
        command in command(),
    ) {
        let state = fold(&events);
        let sees = state.authorised(&caller, Action::Read).is_ok();
        if !sees && !command.creates() {
            let facts = Facts { caller: &caller, item_exists: false, written: None, item: None, marks: None, shared: None, fork: None, template: None };
            prop_assert_eq!(command.decide(&state, facts), Err(ThreadRefusal::NotFound));
        }
    }
}
