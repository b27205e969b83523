use super::*;
use crate::access::Caller;
use crate::threads::given::{
    access, author, created, deleted, denials, given, guest, item_id, key, member, metadata,
    opened, owner, permissions, person, posted, stranger, text, thread_id, viewer,
};
use crate::threads::{
    EditItem, ItemEdited, ItemRole, MarkRead, MarksOf, PinItem, React, Reaction, SwitchBranch,
    ThreadCommand, ThreadDeleted,
};

fn fork_id() -> ThreadId {
    ThreadId::parse("t2").unwrap()
}

fn fork(from: ForkFrom) -> ThreadCommand {
    ThreadCommand::Fork(ForkThread {
        fork: fork_id(),
        from,
        permissions: None,
    })
}

fn known() -> ForkFacts {
    ForkFacts {
        source: thread_id(),
        taken: false,
        now: Offset(40),
        depth: 0,
        changed: false,
        last_item_at: Some(Time(7)),
    }
}

/// The thread is at position 4: its beginning, two items, and one that is being written.
fn history() -> Vec<ThreadEvent> {
    vec![
        created(),
        posted("i1", "user:owner"),
        posted("i2", "user:member"),
        opened("i3"),
    ]
}

fn forked(until: u64, without: &[u64]) -> ThreadForked {
    ThreadForked {
        thread: fork_id(),
        shares: Shares {
            thread: thread_id(),
            incarnation: Offset(1),
            at: Offset(40),
            until: Position(until),
            without: without.iter().copied().map(Position).collect(),
            depth: 1,
        },
        item: None,
        name: None,
        metadata: Metadata::default(),
        access: access(),
        continues: None,
        last_item_at: Some(Time(7)),
    }
}

fn then() -> ThreadThen {
    ThreadThen {
        incarnation: Offset(1),
        at: Offset(3),
        until: Position(3),
        without: Vec::new(),
        copies: Vec::new(),
        access: access(),
        name: ThreadName::parse("before"),
        metadata: metadata(),
        continues: None,
        last_item_at: Some(Time(5)),
        read_at: Offset(40),
    }
}

fn past(then: ThreadThen) -> ThreadCommand {
    fork(ForkFrom::Past(Box::new(then)))
}

fn copied(id: &str, position: u64) -> ItemCopied {
    ItemCopied {
        item: item_id(id),
        opened: Position(position),
        author: author("user:member"),
        role: ItemRole::User,
        status: ItemStatus::Finished,
        parts: vec![text("as it was")],
        metadata: Metadata::default(),
        tokens: None,
        parent: None,
        mentions: crate::threads::Mentions::new(),
        created_at: Time(1),
        updated_at: Time(1),
        edited_at: None,
    }
}

#[test]
fn it_takes_the_read_permission() {
    let strangers = || {
        [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
        ]
    };
    for from in [
        ForkFrom::Whole,
        ForkFrom::Item(item_id("i1")),
        ForkFrom::Past(Box::new(then())),
    ] {
        denials(&history(), &fork(from), strangers());
    }
    let gone = ThreadDeleted {
        thread: thread_id(),
    };
    for events in [vec![], vec![created(), gone.into()]] {
        denials(
            &events,
            &fork(ForkFrom::Whole),
            [(key(), ThreadRefusal::NotFound)],
        );
    }
}

#[test]
fn the_fork_is_a_thread_of_its_own_and_may_not_be_there() {
    let taken = ForkFacts {
        taken: true,
        ..known()
    };
    given(history())
        .knowing(taken.clone())
        .when(&owner(), fork(ForkFrom::Whole))
        .refused(ThreadRefusal::AlreadyExists);
    given(history())
        .knowing(taken)
        .when(&stranger(), fork(ForkFrom::Whole))
        .refused(ThreadRefusal::NotFound);
}

#[test]
fn forks_upon_forks_are_bounded() {
    let deep = |depth| ForkFacts { depth, ..known() };
    given(history())
        .knowing(deep(MAX_FORK_DEPTH))
        .when(&owner(), fork(ForkFrom::Whole))
        .refused(ThreadRefusal::ForkTooDeep);
    given(history())
        .knowing(deep(MAX_FORK_DEPTH - 1))
        .when(&owner(), fork(ForkFrom::Whole))
        .then_granted();
}

#[test]
fn an_item_that_is_named_must_be_there_and_complete() {
    let from = |item: &str| fork(ForkFrom::Item(item_id(item)));
    given(history())
        .when(&owner(), from("i9"))
        .refused(ThreadRefusal::ItemNotFound);
    given(history())
        .and([deleted("i1", 2)])
        .when(&owner(), from("i1"))
        .refused(ThreadRefusal::ItemNotFound);
    given(history())
        .when(&owner(), from("i3"))
        .refused(ThreadRefusal::ItemStillOpen);
}

#[test]
fn a_fork_has_what_there_is_but_for_what_is_being_written() {
    given(history())
        .knowing(known())
        .when(&owner(), fork(ForkFrom::Whole))
        .then(forked(4, &[4]));
}

#[test]
fn a_fork_from_an_item_ends_with_it() {
    given(history())
        .knowing(known())
        .when(&owner(), fork(ForkFrom::Item(item_id("i1"))))
        .then(ThreadForked {
            item: Some(item_id("i1")),
            ..forked(2, &[])
        });
}

#[test]
fn who_runs_a_thread_takes_its_people_along() {
    for caller in [owner(), key()] {
        given(history())
            .knowing(known())
            .when(&caller, fork(ForkFrom::Whole))
            .then(forked(4, &[4]));
    }
}

#[test]
fn who_only_reads_a_thread_gives_nobody_more_than_in_a_thread_of_its_own() {
    let opened_to = |texts: &[&str]| {
        let access = ThreadAccess {
            permissions: permissions(texts),
            ..access()
        };
        crate::threads::ThreadPermissionsChanged { access }
    };
    let texts = [
        "read(\"any\")",
        "read(\"team:crew\")",
        "update(\"user:owner\")",
    ];
    for (caller, name) in [
        (viewer(), "viewer"),
        (member(), "member"),
        (stranger(), "stranger"),
    ] {
        let alone = ThreadAccess {
            permissions: permissions(&["read(\"any\")"]),
            participants: [(person(name), ParticipantRole::Owner)].into(),
        };
        given(history())
            .and([opened_to(&texts).into()])
            .knowing(known())
            .when(&caller, fork(ForkFrom::Whole))
            .then(ThreadForked {
                access: alone,
                ..forked(5, &[4])
            });
    }
}

#[test]
fn permissions_that_are_named_take_the_place_of_the_threads() {
    let with = |texts: &[&str]| {
        ThreadCommand::Fork(ForkThread {
            fork: fork_id(),
            from: ForkFrom::Whole,
            permissions: Some(permissions(texts)),
        })
    };
    given(history())
        .when(&viewer(), with(&["read(\"user:owner\")"]))
        .refused(ThreadRefusal::RoleNotHeld {
            role: "user:owner".into(),
        });
    let alone = ThreadAccess {
        permissions: permissions(&["read(\"users\")"]),
        participants: [(person("viewer"), ParticipantRole::Owner)].into(),
    };
    given(history())
        .knowing(known())
        .when(&viewer(), with(&["read(\"users\")"]))
        .then(ThreadForked {
            access: alone,
            ..forked(4, &[4])
        });
}

#[test]
fn participants_are_bounded_with_the_one_who_forks() {
    let crowd: BTreeMap<_, _> = (0..MAX_PARTICIPANTS)
        .map(|n| (person(&format!("p{n}")), ParticipantRole::Viewer))
        .collect();
    let open_to_all = crate::threads::ThreadCreated {
        thread: thread_id(),
        name: None,
        metadata: Metadata::default(),
        access: ThreadAccess {
            permissions: permissions(&["read(\"users\")", "update(\"users\")"]),
            participants: crowd,
        },
        template: None,
    };
    given([open_to_all.clone().into()])
        .when(&stranger(), fork(ForkFrom::Whole))
        .refused(ThreadRefusal::TooManyParticipants);
    given([open_to_all.into()])
        .when(&key(), fork(ForkFrom::Whole))
        .then_granted();
}

#[test]
fn a_past_fork_gives_nobody_what_it_lacks_today_or_lacked_then() {
    let mut before = ThreadAccess {
        permissions: permissions(&["read(\"any\")", "read(\"users\")"]),
        participants: BTreeMap::new(),
    };
    // the viewer came later, the member was an owner then, somebody has left since
    for (name, role) in [
        ("owner", ParticipantRole::Owner),
        ("member", ParticipantRole::Owner),
        ("gone", ParticipantRole::Member),
    ] {
        before.participants.insert(person(name), role);
    }
    let expected = ThreadAccess {
        permissions: Permissions::default(),
        participants: [
            (person("owner"), ParticipantRole::Owner),
            (person("member"), ParticipantRole::Member),
        ]
        .into(),
    };
    given(history())
        .knowing(known())
        .when(
            &owner(),
            past(ThreadThen {
                access: before,
                ..then()
            }),
        )
        .then(ThreadForked {
            shares: Shares {
                at: Offset(3),
                until: Position(3),
                without: Vec::new(),
                ..forked(3, &[]).shares
            },
            name: ThreadName::parse("before"),
            metadata: metadata(),
            access: expected,
            last_item_at: Some(Time(5)),
            ..forked(3, &[])
        });
}

#[test]
fn a_past_fork_brings_what_was_changed_since() {
    let read = ThreadThen {
        copies: vec![copied("i1", 2)],
        without: vec![Position(3)],
        ..then()
    };
    let events = given(history())
        .knowing(known())
        .when(&owner(), past(read))
        .events();
    let [
        ThreadEvent::ThreadForked(forked),
        ThreadEvent::ItemCopied(item),
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(forked.shares.without, [Position(3)]);
    assert_eq!(item, &copied("i1", 2));
}

#[test]
fn a_past_that_was_changed_meanwhile_is_read_again() {
    let changed = ForkFacts {
        changed: true,
        ..known()
    };
    given(history())
        .knowing(changed)
        .when(&owner(), past(then()))
        .refused(ThreadRefusal::PastChanged);
}

#[test]
fn an_earlier_life_of_the_id_is_not_forked() {
    let other = ThreadThen {
        incarnation: Offset(9),
        ..then()
    };
    given(history())
        .when(&key(), past(other))
        .refused(ThreadRefusal::NotFound);
}

#[test]
fn a_fork_goes_on_where_its_source_was() {
    let given = given([ThreadEvent::from(forked(4, &[4]))]);
    let ThreadState::Live(thread) = given.state() else {
        panic!("no thread")
    };
    assert_eq!(thread.head.position, Position(5));
    assert_eq!(thread.access, access());
}

#[test]
fn an_item_that_is_shared_is_copied_before_it_is_changed_and_only_then() {
    let begin = || given([ThreadEvent::from(forked(4, &[]))]).sharing(copied("i2", 3));
    let item = || item_id("i2");
    let edit = EditItem {
        item: item(),
        parts: Some(vec![text("anew")]),
        metadata: None,
        tokens: None,
        mentions: None,
    };
    let edited = ItemEdited {
        item: item(),
        opened: Position(3),
        parts: Some(vec![text("anew")]),
        metadata: None,
        tokens: None,
        mentions: None,
    };
    let changes = |caller: &Caller, command| begin().when(caller, command).events();
    assert_eq!(
        changes(&member(), ThreadCommand::Edit(edit)),
        [copied("i2", 3).into(), edited.into()]
    );
    for command in [
        ThreadCommand::React(React {
            item: item(),
            reaction: Reaction::parse("👍").unwrap(),
            stands: true,
        }),
        ThreadCommand::Pin(PinItem {
            item: item(),
            pinned: true,
        }),
        ThreadCommand::DeleteItem(crate::threads::DeleteItem { item: item() }),
    ] {
        let events = changes(&owner(), command);
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(events[0], copied("i2", 3).into());
    }
    for command in [
        ThreadCommand::Switch(SwitchBranch { item: item() }),
        ThreadCommand::MarkRead(MarkRead { item: item() }),
    ] {
        let wants_receipt = command.marks() == Some(MarksOf::Receipt);
        let events = changes(&member(), command);
        assert_eq!(events.len(), 1, "{events:?}, receipt: {wants_receipt}");
    }
}
