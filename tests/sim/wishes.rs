//! What clients wish for: few ids, so that they get into each other's way.

use everlog_actors::{IdOrigin, ProjectCommand};
use everlog_domain::access::{Permissions, Scopes};
use everlog_domain::hash::Hash;
use everlog_domain::identity::{
    EmailAddress, RegisterUser, SessionCreated, SignIn, SignOut, UserName,
};
use everlog_domain::ids::{ItemId, KeyId, SessionId, TemplateId, ThreadId, UserId};
use everlog_domain::projects::{CreateKey, DeleteKey, KeyCreated};
use everlog_domain::thread_templates::{CreateTemplate, DeleteTemplate, UpdateTemplate};
use everlog_domain::threads::{
    AbandonItem, AddParticipant, AppendDelta, CreateThread, DeleteItem, DeleteThread, Delta,
    EditItem, FinishItem, ItemRole, Mention, Mentions, Metadata, NewItem, OpenItem, Parent, Part,
    Participant, ParticipantId, ParticipantRole, PostItem, RemoveParticipant, SetPermissions,
    SwitchBranch, TemplatePermissions, ThreadCommand, ThreadName, ThreadTemplate, UpdateThread,
};
use everlog_domain::time::Time;

use super::chance::Chance;
use super::ledger::What;

const USERS: [&str; 3] = ["u0", "u1", "u2"];
const KEYS: [&str; 2] = ["k0", "k1"];
const THREADS: [&str; 2] = ["t0", "t1"];

pub(super) fn user(number: usize) -> UserId {
    UserId::parse(USERS[number % USERS.len()]).unwrap()
}

pub(super) fn key(number: usize) -> KeyId {
    KeyId::parse(KEYS[number % KEYS.len()]).unwrap()
}

/// A thread that a sweep looks at.
pub(super) fn thread(chance: &mut Chance) -> ThreadId {
    ThreadId::parse(chance.pick(&THREADS)).unwrap()
}

fn any_user(chance: &mut Chance) -> ParticipantId {
    ParticipantId::User(UserId::parse(chance.pick(&USERS)).unwrap())
}

fn any_role(chance: &mut Chance) -> ParticipantRole {
    chance.pick(&[
        ParticipantRole::Owner,
        ParticipantRole::Owner,
        ParticipantRole::Member,
        ParticipantRole::Viewer,
    ])
}

fn text(chance: &mut Chance) -> String {
    format!("w{} ", chance.below(1_000_000))
}

fn permissions(chance: &mut Chance) -> Permissions {
    let lists: [&[&str]; 7] = [
        &[],
        &["read(\"any\")"],
        &["read(\"users\")", "create(\"users\")"],
        &["read(\"any\")", "create(\"users\")"],
        &["write(\"users\")", "read(\"users\")"],
        &["read(\"user:u0\")", "write(\"user:u0\")"],
        &["read(\"user:u1\")", "update(\"any\")"],
    ];
    Permissions::parse(chance.pick(&lists)).unwrap()
}

/// A wish about a thread. Most go to items that are open, if the client knows one.
pub(super) fn about_threads(chance: &mut Chance, open: &[(ThreadId, ItemId)]) -> (What, IdOrigin) {
    let thread = ThreadId::parse(chance.pick(&THREADS)).unwrap();
    let (command, origin) = match chance.below(100) {
        0..=12 => (create(chance, &thread), IdOrigin::Chosen),
        13..=30 => new_item(chance, |item| ThreadCommand::Post(PostItem { item })),
        31..=33 => {
            let parent = match chance.one_in(4) {
                true => Parent::Beginning,
                false => Parent::Item(any_item(chance)),
            };
            new_item(chance, |mut item| {
                item.parent = Some(parent);
                ThreadCommand::Post(PostItem { item })
            })
        }
        34..=39 => (on_posted(chance), IdOrigin::Chosen),
        40..=51 => new_item(chance, |item| ThreadCommand::Open(OpenItem { item })),
        52..=79 if !open.is_empty() => {
            let (thread, item) = chance.pick(open);
            return (
                What::Thread(thread, on_open(chance, item)),
                IdOrigin::Chosen,
            );
        }
        52..=82 => {
            let item = any_item(chance);
            (on_open(chance, item), IdOrigin::Chosen)
        }
        83..=86 => (update(chance), IdOrigin::Chosen),
        87..=88 => {
            let permissions = permissions(chance);
            let command = ThreadCommand::SetPermissions(SetPermissions { permissions });
            (command, IdOrigin::Chosen)
        }
        89..=95 => {
            let participant = Participant {
                id: any_user(chance),
                role: any_role(chance),
            };
            let command = ThreadCommand::AddParticipant(AddParticipant { participant });
            (command, IdOrigin::Chosen)
        }
        96..=97 => {
            let participant = any_user(chance);
            let command = ThreadCommand::RemoveParticipant(RemoveParticipant { participant });
            (command, IdOrigin::Chosen)
        }
        _ => {
            let command = ThreadCommand::Delete(DeleteThread {
                thread: thread.clone(),
            });
            (command, IdOrigin::Chosen)
        }
    };
    (What::Thread(thread, command), origin)
}

fn create(chance: &mut Chance, thread: &ThreadId) -> ThreadCommand {
    let participants = (0..chance.below(3)).map(|_| Participant {
        id: any_user(chance),
        role: any_role(chance),
    });
    let participants = participants.collect();
    let permissions = chance.one_in(2).then(|| permissions(chance));
    ThreadCommand::Create(CreateThread {
        thread: thread.clone(),
        name: ThreadName::parse(&text(chance)),
        metadata: Metadata::default(),
        permissions,
        participants,
        template: None,
    })
}

fn mentions(chance: &mut Chance) -> Mentions {
    let mut mention = |_| match chance.one_in(5) {
        true => Mention::Everyone,
        false => Mention::Participant(any_user(chance)),
    };
    (0..2).map(&mut mention).collect()
}

fn any_item(chance: &mut Chance) -> ItemId {
    ItemId::parse(&format!("i{}", chance.below(12))).unwrap()
}

fn new_item(
    chance: &mut Chance,
    command: impl FnOnce(NewItem) -> ThreadCommand,
) -> (ThreadCommand, IdOrigin) {
    let (id, origin) = if chance.one_in(2) {
        (any_item(chance), IdOrigin::Chosen)
    } else {
        let seed = chance.below(u64::MAX).to_be_bytes();
        (ItemId::from_seed(&seed), IdOrigin::Random)
    };
    let item = NewItem {
        id,
        role: ItemRole::Assistant,
        parts: vec![Part::Text { text: text(chance) }],
        metadata: Metadata::default(),
        tokens: None,
        author: None,
        parent: None,
        mentions: match chance.one_in(4) {
            true => mentions(chance),
            false => Mentions::new(),
        },
    };
    (command(item), origin)
}

fn on_posted(chance: &mut Chance) -> ThreadCommand {
    let item = any_item(chance);
    match chance.below(4) {
        0 => ThreadCommand::DeleteItem(DeleteItem { item }),
        1 => ThreadCommand::Switch(SwitchBranch { item }),
        _ => ThreadCommand::Edit(EditItem {
            item,
            parts: Some(vec![Part::Text { text: text(chance) }]),
            metadata: None,
            tokens: None,
            mentions: chance.one_in(2).then(|| mentions(chance)),
        }),
    }
}

fn on_open(chance: &mut Chance, item: ItemId) -> ThreadCommand {
    match chance.below(6) {
        0 => ThreadCommand::Finish(FinishItem {
            item,
            tokens: Some(7),
            metadata: None,
            mentions: chance.one_in(3).then(|| mentions(chance)),
        }),
        1 if chance.one_in(2) => ThreadCommand::Abandon(AbandonItem { item, reason: None }),
        _ => {
            let said = Delta::Text {
                part: 0,
                text: text(chance),
            };
            let mut deltas = vec![said];
            if chance.one_in(5) {
                let part = Part::Text { text: text(chance) };
                deltas.push(Delta::Part { part });
            }
            ThreadCommand::Append(AppendDelta { item, deltas })
        }
    }
}

fn update(chance: &mut Chance) -> ThreadCommand {
    let name = match chance.below(3) {
        0 => None,
        1 => ThreadName::parse("again and again"),
        _ => ThreadName::parse(&text(chance)),
    };
    ThreadCommand::Update(UpdateThread {
        name,
        metadata: None,
    })
}

/// A wish of whoever runs the project: mostly to take something away. `session`: one that somebody
/// has.
pub(super) fn of_the_operator(
    chance: &mut Chance,
    session: Option<(UserId, SessionId)>,
) -> ProjectCommand {
    match (chance.below(13), session) {
        (10..=12, _) => on_a_template(chance),
        (0..=3, _) => ProjectCommand::DeleteKey(DeleteKey {
            key: KeyId::parse(chance.pick(&KEYS)).unwrap(),
        }),
        (4..=7, Some((user, session))) => ProjectCommand::SignOut(SignOut { session, user }),
        (8, _) => create_key(KeyId::parse(chance.pick(&KEYS)).unwrap()),
        _ => register(UserId::parse(chance.pick(&USERS)).unwrap()),
    }
}

fn on_a_template(chance: &mut Chance) -> ProjectCommand {
    let template = TemplateId::parse(chance.pick(&["ticket", "room"])).unwrap();
    let text = chance.pick(&["read(\"any\")", "write(\"user:{creator}\")"]);
    let permissions = TemplatePermissions::parse(&[text]).unwrap();
    let content = ThreadTemplate::new([].into(), permissions, [].into()).unwrap();
    match chance.below(4) {
        0 => ProjectCommand::DeleteTemplate(DeleteTemplate { template }),
        1 => ProjectCommand::UpdateTemplate(UpdateTemplate { template, content }),
        _ => ProjectCommand::CreateTemplate(CreateTemplate { template, content }),
    }
}

pub(super) fn create_key(key: KeyId) -> ProjectCommand {
    ProjectCommand::CreateKey(CreateKey {
        key: KeyCreated {
            name: key.to_string(),
            secret_hash: Hash::of_bytes(key.as_str().as_bytes()),
            key,
            scopes: Scopes::all(),
            expire: None,
        },
    })
}

pub(super) fn register(user: UserId) -> ProjectCommand {
    ProjectCommand::RegisterUser(RegisterUser {
        email: EmailAddress::parse(&format!("{user}@example.com")).unwrap(),
        password_hash: "none".to_owned(),
        name: UserName::default(),
        user,
    })
}

pub(super) fn sign_in(user: UserId, seed: u64) -> ProjectCommand {
    let session = SessionId::from_seed(&seed.to_be_bytes());
    ProjectCommand::SignIn(SignIn {
        session: SessionCreated {
            secret_hash: Hash::of_bytes(session.as_str().as_bytes()),
            session,
            user,
            expire: Time(i64::MAX / 2),
            provider: "email".into(),
            ip: "".into(),
            user_agent: "".into(),
        },
    })
}
