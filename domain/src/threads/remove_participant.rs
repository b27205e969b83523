//! Remove a participant, or leave.

use super::{Facts, ParticipantId, ParticipantRemoved, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::{Action, Principal};

/// Removes a participant, with what was granted to it by name. Everybody may leave; removing others takes the update permission.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoveParticipant {
    /// Who.
    pub participant: ParticipantId,
}

impl RemoveParticipant {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let leaves = match (&self.participant, &facts.caller.principal) {
            (ParticipantId::User(participant), Principal::User(caller)) => participant == caller,
            _ => false,
        };
        let needed = if leaves { Action::Read } else { Action::Update };
        let thread = state.authorised(facts.caller, needed)?;
        let mut access = thread.access.clone();
        if !access.remove(&self.participant) {
            return Err(ThreadRefusal::ParticipantNotFound);
        }
        Ok(vec![
            ParticipantRemoved {
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
    use crate::threads::given::{
        access, agent, created, denials, given, guest, key, member, owner, participant, person,
        stranger, thread_id, viewer,
    };
    use crate::threads::{CreateThread, Metadata, ParticipantRole, ThreadCommand};

    fn remove(id: ParticipantId) -> ThreadCommand {
        ThreadCommand::RemoveParticipant(RemoveParticipant { participant: id })
    }

    #[test]
    fn removing_somebody_else_takes_the_update_permission() {
        let lacks = || ThreadRefusal::Forbidden {
            action: Action::Update,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), lacks()),
            (member(), lacks()),
        ];
        denials(&[created()], &remove(person("owner")), table);
    }

    #[test]
    fn leaving_a_thread_that_one_does_not_see_tells_nothing() {
        let table = [(stranger(), ThreadRefusal::NotFound)];
        denials(&[created()], &remove(person("stranger")), table);
    }

    #[test]
    fn who_takes_no_part_cannot_be_removed() {
        for id in [person("stranger"), agent("owner")] {
            given([created()])
                .when(&owner(), remove(id))
                .refused(ThreadRefusal::ParticipantNotFound);
        }
    }

    #[test]
    fn everybody_may_leave_and_is_out() {
        for (caller, name) in [
            (viewer(), "viewer"),
            (member(), "member"),
            (owner(), "owner"),
        ] {
            let mut after = access();
            after.participants.remove(&person(name));
            let thread =
                given([created()])
                    .when(&caller, remove(person(name)))
                    .then(ParticipantRemoved {
                        participant: person(name),
                        access: after,
                    });
            let refusal = thread.state().authorised(&caller, Action::Read).err();
            assert_eq!(refusal, Some(ThreadRefusal::NotFound));
        }
    }

    #[test]
    fn who_began_the_thread_keeps_nothing_when_it_leaves() {
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
            .when(&member(), remove(person("owner")))
            .then_granted();
        assert!(thread.state().authorised(&owner(), Action::Read).is_err());
        assert!(thread.state().authorised(&member(), Action::Read).is_ok());
    }

    #[test]
    fn an_owner_and_a_key_remove_others() {
        for caller in [owner(), key()] {
            let thread = given([created()])
                .when(&caller, remove(person("member")))
                .then_granted();
            assert!(thread.state().authorised(&member(), Action::Read).is_err());
        }
    }
}
