//! Begin a thread from a template.

use super::access::{Participant, ThreadAccess};
use super::facts::Facts;
use super::grants::check_role;
use super::refusal::ThreadRefusal;
use crate::access::{Caller, Principal, Privilege};
use crate::ids::{TemplateId, UserId};

/// A thread begins from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromTemplate {
    /// Which.
    pub template: TemplateId,
    /// For whom, if a key begins it: whom the template names as the creator.
    pub creator: Option<UserId>,
}

impl FromTemplate {
    /// What the template says, and further participants as far as the caller has their rights by it.
    /// Somebody whom the template names keeps the role that it gives.
    pub(super) fn access(
        &self,
        participants: Vec<Participant>,
        facts: Facts<'_>,
    ) -> Result<ThreadAccess, ThreadRefusal> {
        let caller = facts.caller;
        // Which templates there are is nobody's business who may not use them.
        let usable = facts.template.filter(|template| template.is_for(caller));
        let template = usable.ok_or(ThreadRefusal::TemplateNotFound)?;
        let creator = self.creator(caller)?;
        let granted = template.access_for(creator);
        let mut access = granted.map_err(|_| ThreadRefusal::CreatorMissing)?;
        // What the caller adds must not count as what it has: all is checked before any is added.
        for participant in &participants {
            check_role(caller, &access, participant.role)?;
        }
        for Participant { id, role } in participants {
            access.participants.entry(id).or_insert(role);
        }
        Ok(access)
    }

    /// For whom the thread begins: the person who asks, or whom a key names.
    fn creator<'a>(&'a self, caller: &'a Caller) -> Result<Option<&'a UserId>, ThreadRefusal> {
        let own = match &caller.principal {
            Principal::User(id) => Some(id),
            Principal::Guest | Principal::Key(_) | Principal::System => None,
        };
        match (caller.privilege, self.creator.as_ref()) {
            (Privilege::Ordinary, Some(named)) if own != Some(named) => {
                Err(ThreadRefusal::CreatorNotOwn)
            }
            (_, named) => Ok(named.or(own)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Action, Permissions, Role};
    use crate::threads::given::{
        agent, given, guest, key, metadata, owner, participant, permissions, person, stranger,
        thread_id,
    };
    use crate::threads::{
        CreateThread, ParticipantRole, TemplateParticipant, TemplatePermissions, ThreadCommand,
        ThreadCreated, ThreadTemplate,
    };

    /// A ticket: support does everything, whoever asks reads and writes.
    fn ticket(usable_by: &[&str]) -> ThreadTemplate {
        let texts = [
            "read(\"team:support\")",
            "write(\"team:support\")",
            "read(\"user:{creator}\")",
        ];
        let roles = usable_by.iter().map(|role| Role::parse(role).unwrap());
        let participants = [
            (TemplateParticipant::Creator, ParticipantRole::Member),
            (
                TemplateParticipant::Known(agent("triage")),
                ParticipantRole::Member,
            ),
        ];
        let permissions = TemplatePermissions::parse(&texts).unwrap();
        ThreadTemplate::new(roles.collect(), permissions, participants.into()).unwrap()
    }

    fn begin() -> CreateThread {
        CreateThread {
            thread: thread_id(),
            name: None,
            metadata: metadata(),
            permissions: None,
            participants: Vec::new(),
            template: Some(FromTemplate {
                template: TemplateId::parse("ticket").unwrap(),
                creator: None,
            }),
        }
    }

    fn create() -> ThreadCommand {
        ThreadCommand::Create(begin())
    }

    fn for_user(name: &str) -> ThreadCommand {
        let template = TemplateId::parse("ticket").unwrap();
        let creator = Some(UserId::parse(name).unwrap());
        ThreadCommand::Create(CreateThread {
            template: Some(FromTemplate { template, creator }),
            ..begin()
        })
    }

    fn with(participants: Vec<Participant>) -> ThreadCommand {
        ThreadCommand::Create(CreateThread {
            participants,
            ..begin()
        })
    }

    fn made_for(name: &str) -> ThreadCreated {
        let own = format!("read(\"user:{name}\")");
        let granted = ["read(\"team:support\")", "write(\"team:support\")", &own];
        ThreadCreated {
            thread: thread_id(),
            name: None,
            metadata: metadata(),
            access: ThreadAccess {
                permissions: permissions(&granted),
                participants: [
                    (person(name), ParticipantRole::Member),
                    (agent("triage"), ParticipantRole::Member),
                ]
                .into(),
            },
            template: TemplateId::parse("ticket").ok(),
        }
    }

    #[test]
    fn a_template_that_is_not_for_the_caller_is_not_there() {
        for usable_by in [&[][..], &["user:member"], &["team:support", "guests"]] {
            given([])
                .with_template(ticket(usable_by))
                .when(&owner(), create())
                .refused(ThreadRefusal::TemplateNotFound);
        }
        given([])
            .with_template(ticket(&["users"]))
            .when(&guest(), create())
            .refused(ThreadRefusal::TemplateNotFound);
        for caller in [owner(), key()] {
            given([])
                .when(&caller, create())
                .refused(ThreadRefusal::TemplateNotFound);
        }
    }

    #[test]
    fn who_may_use_it_need_not_hold_what_it_grants_and_does_not_own_the_thread() {
        given([])
            .with_template(ticket(&["users"]))
            .when(&stranger(), create())
            .then(made_for("stranger"));
    }

    #[test]
    fn only_a_key_begins_a_thread_for_somebody_else_and_must_say_for_whom() {
        let usable = || given([]).with_template(ticket(&["users"]));
        usable()
            .when(&owner(), for_user("member"))
            .refused(ThreadRefusal::CreatorNotOwn);
        usable()
            .when(&owner(), for_user("owner"))
            .then(made_for("owner"));
        usable()
            .when(&key(), create())
            .refused(ThreadRefusal::CreatorMissing);
        given([])
            .with_template(ticket(&[]))
            .when(&key(), for_user("member"))
            .then(made_for("member"));
    }

    #[test]
    fn a_template_takes_no_permissions_beside_it() {
        let command = ThreadCommand::Create(CreateThread {
            permissions: Some(Permissions::default()),
            ..begin()
        });
        for caller in [owner(), key()] {
            given([])
                .with_template(ticket(&["users"]))
                .when(&caller, command.clone())
                .refused(ThreadRefusal::PermissionsOfTemplate);
        }
    }

    #[test]
    fn participants_beside_it_get_no_more_than_the_creator_has_by_it() {
        let usable = || given([]).with_template(ticket(&["users"]));
        let lacks = |action| ThreadRefusal::RightNotHeld { action };
        for id in [person("member"), person("owner"), agent("triage")] {
            let wish = with(vec![participant(id, ParticipantRole::Owner)]);
            usable().when(&owner(), wish).refused(lacks(Action::Update));
        }
        let added = with(vec![
            participant(person("member"), ParticipantRole::Member),
            participant(agent("triage"), ParticipantRole::Viewer),
        ]);
        let mut expected = made_for("owner");
        let member = (person("member"), ParticipantRole::Member);
        expected.access.participants.extend([member]);
        usable().when(&owner(), added).then(expected);
    }

    #[test]
    fn whoever_is_named_twice_keeps_the_role_with_more_rights() {
        let known = TemplateParticipant::Known(person("owner"));
        for (named, creator) in [
            (ParticipantRole::Owner, ParticipantRole::Viewer),
            (ParticipantRole::Viewer, ParticipantRole::Owner),
        ] {
            let participants = [
                (known.clone(), named),
                (TemplateParticipant::Creator, creator),
            ];
            let users = [Role::Any].into();
            let permissions = TemplatePermissions::default();
            let template = ThreadTemplate::new(users, permissions, participants.into());
            let thread = given([])
                .with_template(template.unwrap())
                .when(&owner(), create())
                .then_granted();
            let alone = [(person("owner"), ParticipantRole::Owner)];
            match thread.state() {
                crate::threads::ThreadState::Live(thread) => {
                    assert_eq!(thread.access.participants, alone.into());
                }
                other => panic!("expected a thread, found {other:?}"),
            }
        }
    }
}
