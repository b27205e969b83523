//! An event of every kind with every field filled, the same at every run.

use std::collections::BTreeMap;

use everlog_domain::access::{Permissions, Principal, Role, Scopes};
use everlog_domain::envelope::{DataKeyId, Envelope, EventKind, Idempotency, Stream, StreamKind};
use everlog_domain::event::Event;
use everlog_domain::hash::Hash;
use everlog_domain::identity::IdentityEvent;
use everlog_domain::identity::{
    EmailAddress, SessionCreated, SessionDeleted, UserCreated, UserName,
};
use everlog_domain::ids::{
    AgentId, ItemId, KeyId, Offset, Position, ProjectId, ProjectNumber, ProjectUid, SessionId,
    TemplateId, ThreadId, UserId,
};
use everlog_domain::projects::{
    EndedThread, KeyCreated, KeyDeleted, ProjectCreated, ProjectEvent, ProjectQuotasSet, Quotas,
    Retention, RetentionSet, ThreadsExpired,
};
use everlog_domain::thread_templates::{
    TemplateCreated, TemplateDeleted, TemplateEvent, TemplateUpdated,
};
use everlog_domain::threads::{
    Author, BranchSwitched, Delta, ExpiredItem, ItemAbandoned, ItemCopied, ItemDeleted, ItemDelta,
    ItemEdited, ItemFinished, ItemOpened, ItemPinned, ItemPosted, ItemReactionAdded,
    ItemReactionRemoved, ItemRole, ItemStatus, ItemUnpinned, ItemsExpired, Mention, Mentioned,
    Mentions, Metadata, Parent, Part, Participant, ParticipantAdded, ParticipantId,
    ParticipantRemoved, ParticipantRole, Reaction, ReactionCounts, Shares, TemplateParticipant,
    TemplatePermissions, ThreadAccess, ThreadCreated, ThreadDeleted, ThreadEvent, ThreadForked,
    ThreadName, ThreadPermissionsChanged, ThreadRead, ThreadTemplate, ThreadUpdated,
};
use everlog_domain::time::Time;
use serde_json::json;

/// 2026-01-02T03:04:05.678901Z.
const WHEN: Time = Time(1_767_323_045_678_901);

pub(super) fn envelope(kind: EventKind, payload_hash: Hash) -> Envelope {
    Envelope {
        project: ProjectNumber(3),
        uid: ProjectUid([0x5a; 16]),
        offset: Offset(1_207),
        stream: Stream::new(StreamKind::Thread, "thread-1"),
        incarnation: Offset(17),
        position: Position(41),
        kind,
        version: kind.current_version(),
        time: WHEN,
        principal: Principal::Key(KeyId::parse("key-1").unwrap()),
        on_behalf_of: Some(Principal::User(UserId::parse("user-1").unwrap())),
        cause: Some(Offset(1_200)),
        idempotency: Some(Idempotency {
            scope: Hash::of_bytes(b"scope"),
            body: Hash::of_bytes(b"body"),
        }),
        key: DataKeyId(0xfeed_beef),
        previous: Hash::of_bytes(b"previous"),
        payload_hash,
    }
}

pub(super) fn event(kind: EventKind) -> Event {
    match kind {
        EventKind::ProjectCreated
        | EventKind::ProjectQuotasSet
        | EventKind::RetentionSet
        | EventKind::ThreadsExpired
        | EventKind::KeyCreated
        | EventKind::KeyDeleted => project_event(kind).into(),
        EventKind::UserCreated | EventKind::SessionCreated | EventKind::SessionDeleted => {
            identity_event(kind).into()
        }
        EventKind::ThreadCreated
        | EventKind::ThreadUpdated
        | EventKind::ThreadPermissionsChanged
        | EventKind::ParticipantAdded
        | EventKind::ParticipantRemoved
        | EventKind::ThreadDeleted
        | EventKind::BranchSwitched
        | EventKind::ThreadRead
        | EventKind::ThreadForked
        | EventKind::ItemsExpired => thread_event(kind).into(),
        EventKind::ItemPosted
        | EventKind::ItemOpened
        | EventKind::ItemDelta
        | EventKind::ItemFinished
        | EventKind::ItemAbandoned
        | EventKind::ItemEdited
        | EventKind::ItemDeleted
        | EventKind::ItemReactionAdded
        | EventKind::ItemReactionRemoved
        | EventKind::ItemPinned
        | EventKind::ItemUnpinned
        | EventKind::ItemCopied => item_event(kind).into(),
        EventKind::TemplateCreated | EventKind::TemplateUpdated | EventKind::TemplateDeleted => {
            template_event(kind).into()
        }
    }
}

/// Fields that kinds got later, which [`event`] leaves out: what was written before reads without
/// them.
pub(super) const LATER: &[(EventKind, &str)] = &[
    (EventKind::ItemPosted, "mentions"),
    (EventKind::ItemOpened, "mentions"),
    (EventKind::ItemFinished, "mentions"),
    (EventKind::ItemEdited, "mentions"),
    (EventKind::ThreadCreated, "template"),
    (EventKind::ItemCopied, "mentions"),
];

/// The event of a kind with a field that the kind got later.
pub(super) fn event_with(kind: EventKind, field: &str) -> Event {
    let mut event = event(kind);
    match (&mut event, field) {
        (
            Event::Thread(
                ThreadEvent::ItemPosted(ItemPosted { mentions, .. })
                | ThreadEvent::ItemOpened(ItemOpened { mentions, .. })
                | ThreadEvent::ItemFinished(ItemFinished { mentions, .. })
                | ThreadEvent::ItemEdited(ItemEdited { mentions, .. }),
            ),
            "mentions",
        ) => *mentions = Some(mentioned()),
        (Event::Thread(ThreadEvent::ItemCopied(ItemCopied { mentions, .. })), "mentions") => {
            *mentions = mentioned().named;
        }
        (Event::Thread(ThreadEvent::ThreadCreated(ThreadCreated { template, .. })), "template") => {
            *template = Some(self::template())
        }
        _ => panic!("{} has no later field {field}", kind.name()),
    }
    event
}

fn mentioned() -> Mentioned {
    let user = |id: &str| ParticipantId::User(UserId::parse(id).unwrap());
    Mentioned {
        named: [Mention::Everyone, Mention::Participant(agent())].into(),
        reached: [agent(), user("user-1")].into(),
        released: [user("user-2")].into(),
    }
}

fn template() -> TemplateId {
    TemplateId::parse("template-1").unwrap()
}

fn template_event(kind: EventKind) -> TemplateEvent {
    let texts = ["read(\"team:crew\")", "write(\"user:{creator}/verified\")"];
    let usable_by = ["users", "label:vip"].map(|role| Role::parse(role).unwrap());
    let participants = [
        (TemplateParticipant::Creator, ParticipantRole::Member),
        (TemplateParticipant::Known(agent()), ParticipantRole::Viewer),
    ];
    let permissions = TemplatePermissions::parse(&texts).unwrap();
    let content = ThreadTemplate::new(usable_by.into(), permissions, participants.into());
    let (template, content) = (template(), content.unwrap());
    match kind {
        EventKind::TemplateUpdated => {
            TemplateEvent::TemplateUpdated(TemplateUpdated { template, content })
        }
        EventKind::TemplateDeleted => TemplateEvent::TemplateDeleted(TemplateDeleted { template }),
        _ => TemplateEvent::TemplateCreated(TemplateCreated { template, content }),
    }
}

fn project_event(kind: EventKind) -> ProjectEvent {
    let key = KeyId::parse("key-1").unwrap();
    match kind {
        EventKind::KeyCreated => ProjectEvent::KeyCreated(KeyCreated {
            key,
            name: "deploy".to_owned(),
            scopes: Scopes::parse(&["threads.read", "threads.write"]).unwrap(),
            secret_hash: Hash::of_bytes(b"secret"),
            expire: Some(WHEN.plus_seconds(60)),
        }),
        EventKind::KeyDeleted => ProjectEvent::KeyDeleted(KeyDeleted { key }),
        EventKind::ProjectQuotasSet => ProjectEvent::ProjectQuotasSet(ProjectQuotasSet {
            project: ProjectId::parse("demo").unwrap(),
            number: ProjectNumber(3),
            quotas: Quotas {
                storage_bytes: Some(1 << 30),
                connections: None,
                writes_per_second: Some(100),
            },
        }),
        EventKind::ThreadsExpired => ProjectEvent::ThreadsExpired(ThreadsExpired {
            threads: vec![EndedThread {
                thread: ThreadId::parse("thread-1").unwrap(),
                incarnation: Offset(17),
                ended_at: WHEN,
            }],
        }),
        EventKind::RetentionSet => ProjectEvent::RetentionSet(RetentionSet {
            project: ProjectId::parse("demo").unwrap(),
            retention: Retention::new(Some(2_592_000), Some(1_000)).unwrap(),
        }),
        _ => ProjectEvent::ProjectCreated(ProjectCreated {
            project: ProjectId::parse("demo").unwrap(),
            name: "Demo".to_owned(),
            number: ProjectNumber(3),
            uid: ProjectUid([0x5a; 16]),
        }),
    }
}

fn identity_event(kind: EventKind) -> IdentityEvent {
    let session = SessionId::parse("session-1").unwrap();
    let user = UserId::parse("user-1").unwrap();
    match kind {
        EventKind::SessionCreated => IdentityEvent::SessionCreated(SessionCreated {
            session,
            user,
            secret_hash: Hash::of_bytes(b"secret"),
            expire: WHEN.plus_seconds(3_600),
            provider: "email".into(),
            ip: "192.0.2.1".into(),
            user_agent: "curl/8".into(),
        }),
        EventKind::SessionDeleted => {
            IdentityEvent::SessionDeleted(SessionDeleted { session, user })
        }
        _ => IdentityEvent::UserCreated(UserCreated {
            user,
            email: EmailAddress::parse("someone@example.org").unwrap(),
            password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
            name: UserName::parse("Someone").unwrap(),
        }),
    }
}

fn access() -> ThreadAccess {
    ThreadAccess {
        permissions: Permissions::parse(&["read(\"any\")", "update(\"user:user-1\")"]).unwrap(),
        participants: BTreeMap::from([
            (
                ParticipantId::User(UserId::parse("user-1").unwrap()),
                ParticipantRole::Owner,
            ),
            (agent(), ParticipantRole::Viewer),
        ]),
    }
}

fn agent() -> ParticipantId {
    ParticipantId::Agent(AgentId::parse("agent-1").unwrap())
}

fn metadata() -> Metadata {
    Metadata::parse(json!({ "a": [1, -2, 2.5, null, true, "\u{e9}"] })).unwrap()
}

fn thread_event(kind: EventKind) -> ThreadEvent {
    let thread = ThreadId::parse("thread-1").unwrap();
    let name = ThreadName::parse("A thread");
    match kind {
        EventKind::ThreadUpdated => ThreadEvent::ThreadUpdated(ThreadUpdated {
            name,
            metadata: Some(metadata()),
        }),
        EventKind::ThreadPermissionsChanged => {
            ThreadEvent::ThreadPermissionsChanged(ThreadPermissionsChanged { access: access() })
        }
        EventKind::ParticipantAdded => ThreadEvent::ParticipantAdded(ParticipantAdded {
            participant: Participant {
                id: agent(),
                role: ParticipantRole::Viewer,
            },
            access: access(),
        }),
        EventKind::ParticipantRemoved => ThreadEvent::ParticipantRemoved(ParticipantRemoved {
            participant: agent(),
            access: access(),
        }),
        EventKind::ThreadDeleted => ThreadEvent::ThreadDeleted(ThreadDeleted { thread }),
        EventKind::ThreadRead => ThreadEvent::ThreadRead(ThreadRead {
            by: Author::principal(&Principal::User(UserId::parse("user-1").unwrap())),
            item: ItemId::parse("item-1").unwrap(),
            opened: Position(40),
        }),
        EventKind::ThreadForked => ThreadEvent::ThreadForked(ThreadForked {
            thread,
            shares: Shares {
                thread: ThreadId::parse("thread-0").unwrap(),
                incarnation: Offset(900),
                at: Offset(1_206),
                until: Position(7),
                without: vec![Position(5)],
                depth: 1,
            },
            item: Some(ItemId::parse("item-1").unwrap()),
            name,
            metadata: metadata(),
            access: access(),
            continues: Some(ItemId::parse("item-0").unwrap()),
            last_item_at: Some(WHEN),
        }),
        EventKind::ItemsExpired => ThreadEvent::ItemsExpired(ItemsExpired {
            expired: serde_json::from_value(json!({ "through": 40, "kept": [2, 7] })).unwrap(),
            items: vec![
                ExpiredItem {
                    item: ItemId::parse("item-1").unwrap(),
                    opened: Position(39),
                    parent: None,
                },
                ExpiredItem {
                    item: ItemId::parse("item-2").unwrap(),
                    opened: Position(40),
                    parent: Parent::parse("item-1"),
                },
            ],
            ends_branch: true,
        }),
        EventKind::BranchSwitched => ThreadEvent::BranchSwitched(BranchSwitched {
            item: ItemId::parse("item-1").unwrap(),
        }),
        _ => ThreadEvent::ThreadCreated(ThreadCreated {
            thread,
            name,
            metadata: metadata(),
            access: access(),
            template: None,
        }),
    }
}

fn parts() -> Vec<Part> {
    vec![
        Part::Text {
            text: "Hello".to_owned(),
        },
        Part::Reasoning {
            text: "hm".to_owned(),
        },
        Part::ToolCall {
            call_id: "call-1".into(),
            name: "search".into(),
            arguments: json!({ "q": "rust" }),
        },
        Part::ToolResult {
            call_id: "call-1".into(),
            result: json!([1, 2]),
            is_error: true,
        },
        Part::File {
            file_id: "file-1".into(),
            name: Some("a.txt".into()),
            mime_type: None,
        },
        Part::Data {
            name: "weather".into(),
            data: json!(null),
        },
    ]
}

fn thumb() -> Reaction {
    Reaction::parse("\u{1f44d}").unwrap()
}

fn item_event(kind: EventKind) -> ThreadEvent {
    let item = ItemId::parse("item-1").unwrap();
    let author = Author::principal(&Principal::User(UserId::parse("user-1").unwrap()));
    let opened = Position(40);
    match kind {
        EventKind::ItemOpened => ThreadEvent::ItemOpened(ItemOpened {
            item,
            author,
            role: ItemRole::Assistant,
            parts: parts(),
            metadata: metadata(),
            parent: None,
            mentions: None,
        }),
        EventKind::ItemEdited => ThreadEvent::ItemEdited(ItemEdited {
            item,
            opened,
            parts: Some(parts()),
            metadata: Some(metadata()),
            tokens: None,
            mentions: None,
        }),
        EventKind::ItemReactionAdded => ThreadEvent::ItemReactionAdded(ItemReactionAdded {
            item,
            opened,
            reaction: thumb(),
            by: author,
            counts: [(thumb(), 3)].into(),
        }),
        EventKind::ItemReactionRemoved => ThreadEvent::ItemReactionRemoved(ItemReactionRemoved {
            item,
            opened,
            reaction: thumb(),
            by: author,
            counts: ReactionCounts::new(),
        }),
        EventKind::ItemPinned => ThreadEvent::ItemPinned(ItemPinned { item, opened }),
        EventKind::ItemUnpinned => ThreadEvent::ItemUnpinned(ItemUnpinned { item, opened }),
        EventKind::ItemCopied => ThreadEvent::ItemCopied(ItemCopied {
            item,
            opened,
            author,
            role: ItemRole::Assistant,
            status: ItemStatus::Finished,
            parts: parts(),
            metadata: metadata(),
            tokens: Some(12),
            parent: Parent::parse("item-0"),
            mentions: Mentions::new(),
            created_at: WHEN,
            updated_at: WHEN.plus_seconds(1),
            edited_at: Some(WHEN.plus_seconds(1)),
        }),
        EventKind::ItemDeleted => ThreadEvent::ItemDeleted(ItemDeleted {
            item,
            opened,
            was_open: true,
        }),
        EventKind::ItemDelta => ThreadEvent::ItemDelta(ItemDelta {
            item,
            opened,
            deltas: vec![
                Delta::Text {
                    part: 0,
                    text: " world".to_owned(),
                },
                Delta::Part {
                    part: Part::Text {
                        text: String::new(),
                    },
                },
            ],
        }),
        EventKind::ItemFinished => ThreadEvent::ItemFinished(ItemFinished {
            item,
            opened,
            parts: parts(),
            metadata: metadata(),
            tokens: Some(12),
            mentions: None,
        }),
        EventKind::ItemAbandoned => ThreadEvent::ItemAbandoned(ItemAbandoned {
            item,
            opened,
            parts: parts(),
            reason: Some("the model failed".to_owned()),
        }),
        _ => ThreadEvent::ItemPosted(ItemPosted {
            item,
            author,
            role: ItemRole::User,
            parts: parts(),
            metadata: metadata(),
            tokens: Some(5),
            parent: None,
            mentions: None,
        }),
    }
}
