//! Add a participant, or change its role.

use super::access::{MAX_PARTICIPANTS, Participant};
use super::{Facts, ParticipantAdded, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;

/// Adds a participant; one that is there already gets the new role.
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
        let mut access = thread.access.clone();
        access.participants.insert(id.clone(), *role);
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
        access, agent, created, denials, given, guest, key, member, owner, participant, person,
        stranger, thread_id, viewer,
    };
    use crate::threads::{
        ParticipantId, ParticipantRole, ThreadAccess, ThreadCommand, ThreadCreated,
    };

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
            metadata: crate::threads::Metadata::default(),
            access: ThreadAccess {
                permissions: Permissions::default(),
                participants: crowd.collect(),
            },
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
        let allowed = [Action::Read, Action::Create, Action::Update, Action::Delete]
            .map(|action| thread.state().authorised(&stranger(), action).is_ok());
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

    #[test]
    fn the_role_that_it_has_changes_nothing() {
        given([created()])
            .when(&owner(), add(person("member"), ParticipantRole::Member))
            .then_nothing();
    }
}
