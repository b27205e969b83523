//! Add a participant, or change its role.

use super::access::Participant;
use super::bounds::MAX_PARTICIPANTS;
use super::grants::check_role;
use super::{Facts, ParticipantAdded, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;

/// Adds a participant; one that is there already gets the new role in place of the old one.
#[derive(Debug, Clone, PartialEq)]
pub struct AddParticipant {
    /// Who, as what.
    pub participant: Participant,
}

impl AddParticipant {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Update)?;
        let Participant { id, role } = &self.participant;
        let known = thread.access.participants.get(id);
        if known == Some(role) {
            return Ok(Vec::new());
        }
        if known.is_none() && thread.access.participants.len() >= MAX_PARTICIPANTS {
            return Err(ThreadRefusal::TooManyParticipants);
        }
        check_role(facts.caller, &thread.access, *role)?;
        let mut access = thread.access.clone();
        access.give(id, *role);
        Ok(vec![
            ParticipantAdded {
                participant: self.participant,
                access,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Permissions;
    use crate::threads::given::{
        access, agent, created, denials, given, guest, key, member, owner, participant,
        permissions, person, stranger, thread_id, viewer,
    };
    use crate::threads::{
        CreateThread, Metadata, ParticipantId, ParticipantRole, ThreadAccess, ThreadCommand,
        ThreadCreated,
    };

    const ACTIONS: [Action; 4] = [Action::Read, Action::Create, Action::Update, Action::Delete];

    /// The cast's thread, with permissions beside its participants.
    fn open_to(texts: &[&str]) -> ThreadEvent {
        ThreadCreated {
            thread: thread_id(),
            name: None,
            metadata: Metadata::default(),
            access: ThreadAccess {
                permissions: permissions(texts),
                ..access()
            },
            template: None,
        }
        .into()
    }

    fn add(id: ParticipantId, role: ParticipantRole) -> ThreadCommand {
        ThreadCommand::AddParticipant(AddParticipant {
            participant: participant(id, role),
        })
    }

    fn full_thread() -> ThreadEvent {
        let crowd =
            (0..MAX_PARTICIPANTS).map(|n| (agent(&format!("a{n}")), ParticipantRole::Member));
        ThreadCreated {
            thread: thread_id(),
            name: None,
            metadata: Metadata::default(),
            access: ThreadAccess {
                permissions: Permissions::default(),
                participants: crowd.collect(),
            },
            template: None,
        }
        .into()
    }

    #[test]
    fn it_takes_the_update_permission_even_for_oneself() {
        let lacks = || ThreadRefusal::Forbidden {
            action: Action::Update,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), lacks()),
            (member(), lacks()),
        ];
        for name in ["stranger", "viewer", "member"] {
            let command = add(person(name), ParticipantRole::Owner);
            denials(&[created()], &command, table.clone());
        }
    }

    #[test]
    fn participants_are_bounded_but_roles_still_change() {
        given([full_thread()])
            .when(&key(), add(person("stranger"), ParticipantRole::Viewer))
            .refused(ThreadRefusal::TooManyParticipants);
        given([full_thread()])
            .when(&key(), add(agent("a7"), ParticipantRole::Viewer))
            .then_granted();
    }

    #[test]
    fn who_is_added_may_do_what_its_role_says() {
        let mut after = access();
        after
            .participants
            .insert(person("stranger"), ParticipantRole::Member);
        let thread = given([created()])
            .when(&owner(), add(person("stranger"), ParticipantRole::Member))
            .then(ParticipantAdded {
                participant: participant(person("stranger"), ParticipantRole::Member),
                access: after,
            });
        let allowed = ACTIONS.map(|action| thread.state().authorised(&stranger(), action).is_ok());
        assert_eq!(allowed, [true, true, false, false]);
    }

    #[test]
    fn a_new_role_replaces_the_old_one() {
        let thread = given([created()])
            .when(&owner(), add(person("member"), ParticipantRole::Viewer))
            .then_granted();
        let refusal = thread.state().authorised(&member(), Action::Create).err();
        assert_eq!(
            refusal,
            Some(ThreadRefusal::Forbidden {
                action: Action::Create
            })
        );
    }

    /// What somebody may do in a thread that `owner` began with `member` as another owner.
    fn rights_after(command: ThreadCommand) -> [bool; 4] {
        let create = ThreadCommand::Create(CreateThread {
            thread: thread_id(),
            name: None,
            metadata: Metadata::default(),
            permissions: None,
            participants: vec![participant(person("member"), ParticipantRole::Owner)],
            template: None,
        });
        let thread = given([])
            .when(&owner(), create)
            .then_granted()
            .when(&member(), command)
            .then_granted();
        ACTIONS.map(|action| thread.state().authorised(&owner(), action).is_ok())
    }

    #[test]
    fn who_is_made_less_keeps_nothing_that_was_granted_to_it_by_name() {
        let as_viewer = add(person("owner"), ParticipantRole::Viewer);
        assert_eq!(rights_after(as_viewer), [true, false, false, false]);
        let as_member = add(person("owner"), ParticipantRole::Member);
        assert_eq!(rights_after(as_member), [true, true, false, false]);
    }

    #[test]
    fn who_joins_keeps_what_was_granted_to_it_by_name() {
        let thread = given([open_to(&["update(\"user:stranger\")"])])
            .when(&key(), add(person("stranger"), ParticipantRole::Viewer))
            .then_granted();
        let allowed = ACTIONS.map(|action| thread.state().authorised(&stranger(), action).is_ok());
        assert_eq!(allowed, [true, false, true, false]);
    }

    #[test]
    fn a_person_gives_only_a_role_whose_rights_it_has() {
        let reads_and_updates = || given([open_to(&["read(\"users\")", "update(\"users\")"])]);
        for role in [ParticipantRole::Owner, ParticipantRole::Member] {
            for id in [person("stranger"), person("viewer"), agent("tutor")] {
                let lacks = ThreadRefusal::RightNotHeld {
                    action: Action::Create,
                };
                reads_and_updates()
                    .when(&stranger(), add(id, role))
                    .refused(lacks);
            }
        }
        reads_and_updates()
            .when(&stranger(), add(agent("tutor"), ParticipantRole::Viewer))
            .then_granted();
        for caller in [owner(), key()] {
            reads_and_updates()
                .when(&caller, add(person("stranger"), ParticipantRole::Owner))
                .then_granted();
        }
    }

    #[test]
    fn the_role_that_it_has_changes_nothing() {
        given([created()])
            .when(&owner(), add(person("member"), ParticipantRole::Member))
            .then_nothing();
    }
}
