//! Begin a thread.

use super::access::{Participant, ParticipantId, ParticipantRole, ThreadAccess};
use super::bounds::MAX_PARTICIPANTS;
use super::from_template::FromTemplate;
use super::grants::{check_permissions, check_role};
use super::{Facts, Metadata, ThreadCreated, ThreadEvent, ThreadName, ThreadRefusal, ThreadState};
use crate::access::{Caller, Permissions, Principal, Role};
use crate::ids::ThreadId;

/// Begins a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateThread {
    /// Its id.
    pub thread: ThreadId,
    /// Its name.
    pub name: Option<ThreadName>,
    /// Anything else.
    pub metadata: Metadata,
    /// Who may do what. Absent: a signed-in user gets everything for itself, keys and guests get
    /// nothing. An empty list stays empty.
    pub permissions: Option<Permissions>,
    /// Who takes part, beside a signed-in creator, who owns it.
    pub participants: Vec<Participant>,
    /// The template that says who may do what, in place of permissions. Then the creator owns it
    /// only if the template says so.
    pub template: Option<FromTemplate>,
}

impl CreateThread {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        if matches!(state, ThreadState::Live(_)) {
            return Err(ThreadRefusal::AlreadyExists);
        }
        let access = match &self.template {
            Some(from) => {
                if self.permissions.is_some() {
                    return Err(ThreadRefusal::PermissionsOfTemplate);
                }
                from.access(self.participants, facts)?
            }
            None => as_asked(self.permissions, self.participants, facts.caller)?,
        };
        if access.participants.len() > MAX_PARTICIPANTS {
            return Err(ThreadRefusal::TooManyParticipants);
        }
        let created = ThreadCreated {
            thread: self.thread,
            name: self.name,
            metadata: self.metadata,
            access,
            template: self.template.map(|from| from.template),
        };
        Ok(vec![created.into()])
    }
}

/// What the caller asks for, as far as it has it.
fn as_asked(
    permissions: Option<Permissions>,
    participants: Vec<Participant>,
    caller: &Caller,
) -> Result<ThreadAccess, ThreadRefusal> {
    let permissions = permissions.unwrap_or_else(|| own(caller));
    check_permissions(caller, &permissions)?;
    let named = participants.into_iter().map(|p| (p.id, p.role));
    let access = ThreadAccess {
        permissions,
        participants: named.chain(owner(caller)).collect(),
    };
    // A person owns what it begins, so it may give any role; a guest has what it grants to all.
    for role in access.participants.values() {
        check_role(caller, &access, *role)?;
    }
    Ok(access)
}

fn own(caller: &Caller) -> Permissions {
    match &caller.principal {
        Principal::User(id) => Permissions::everything_for(&Role::user(id.clone())),
        Principal::Guest | Principal::Key(_) | Principal::System => Permissions::default(),
    }
}

pub(super) fn owner(caller: &Caller) -> Option<(ParticipantId, ParticipantRole)> {
    match &caller.principal {
        Principal::User(id) => Some((ParticipantId::User(id.clone()), ParticipantRole::Owner)),
        Principal::Guest | Principal::Key(_) | Principal::System => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Action;
    use crate::threads::given::{
        agent, created, denials, given, guest, key, metadata, opened, owner, participant,
        permissions, person, stranger, thread_id, viewer,
    };
    use crate::threads::{ThreadCommand, ThreadDeleted};

    fn create() -> CreateThread {
        CreateThread {
            thread: thread_id(),
            name: ThreadName::parse("tides"),
            metadata: metadata(),
            permissions: None,
            participants: Vec::new(),
            template: None,
        }
    }

    fn with(texts: &[&str]) -> ThreadCommand {
        ThreadCommand::Create(CreateThread {
            permissions: Some(permissions(texts)),
            ..create()
        })
    }

    fn made(access: ThreadAccess) -> ThreadCreated {
        ThreadCreated {
            thread: thread_id(),
            name: ThreadName::parse("tides"),
            metadata: metadata(),
            access,
            template: None,
        }
    }

    fn crowd(size: usize) -> ThreadCommand {
        let id = |n: usize| agent(&format!("a{n}"));
        let participants = (0..size).map(|n| participant(id(n), ParticipantRole::Viewer));
        ThreadCommand::Create(CreateThread {
            participants: participants.collect(),
            ..create()
        })
    }

    #[test]
    fn a_living_thread_is_not_created_again_by_anybody() {
        let everybody = [owner(), viewer(), stranger(), guest(), key()];
        let table = everybody.map(|caller| (caller, ThreadRefusal::AlreadyExists));
        denials(&[created()], &ThreadCommand::Create(create()), table);
    }

    #[test]
    fn a_person_grants_only_roles_that_it_holds() {
        for foreign in ["user:owner", "team:crew", "guests", "users/verified"] {
            let refusal = ThreadRefusal::RoleNotHeld {
                role: foreign.into(),
            };
            let list = format!("read(\"{foreign}\")");
            given([])
                .when(&stranger(), with(&["read(\"any\")", &list]))
                .refused(refusal);
        }
        given([])
            .when(&guest(), with(&["read(\"users\")"]))
            .refused(ThreadRefusal::RoleNotHeld {
                role: "users".into(),
            });
    }

    #[test]
    fn participants_are_bounded_with_the_owner_among_them() {
        given([])
            .when(&key(), crowd(MAX_PARTICIPANTS + 1))
            .refused(ThreadRefusal::TooManyParticipants);
        given([])
            .when(&owner(), crowd(MAX_PARTICIPANTS))
            .refused(ThreadRefusal::TooManyParticipants);
        given([])
            .when(&owner(), crowd(MAX_PARTICIPANTS - 1))
            .then_granted();
        given([])
            .when(&key(), crowd(MAX_PARTICIPANTS))
            .then_granted();
    }

    #[test]
    fn a_person_owns_what_it_begins_and_has_every_permission() {
        let own = Permissions::everything_for(&Role::user(person_id()));
        let access = ThreadAccess {
            permissions: own,
            participants: [(person("owner"), ParticipantRole::Owner)].into(),
        };
        given([])
            .when(&owner(), ThreadCommand::Create(create()))
            .then(made(access));
    }

    fn person_id() -> crate::ids::UserId {
        crate::ids::UserId::parse("owner").unwrap()
    }

    #[test]
    fn a_key_and_a_guest_get_nothing_for_themselves() {
        for caller in [key(), guest()] {
            given([])
                .when(&caller, ThreadCommand::Create(create()))
                .then(made(ThreadAccess::default()));
        }
    }

    #[test]
    fn an_empty_list_stays_empty_and_a_key_grants_to_anybody() {
        let owned = |permissions| ThreadAccess {
            permissions,
            participants: [(person("owner"), ParticipantRole::Owner)].into(),
        };
        given([])
            .when(&owner(), with(&[]))
            .then(made(owned(Permissions::default())));
        let list = ["read(\"any\")", "write(\"user:member\")"];
        let granted = ThreadAccess {
            permissions: permissions(&list),
            participants: [].into(),
        };
        given([]).when(&key(), with(&list)).then(made(granted));
    }

    #[test]
    fn the_creator_owns_it_even_if_named_as_less() {
        let named = vec![
            participant(person("owner"), ParticipantRole::Viewer),
            participant(agent("tutor"), ParticipantRole::Member),
        ];
        let command = CreateThread {
            permissions: Some(Permissions::default()),
            participants: named,
            ..create()
        };
        let access = ThreadAccess {
            permissions: Permissions::default(),
            participants: [
                (person("owner"), ParticipantRole::Owner),
                (agent("tutor"), ParticipantRole::Member),
            ]
            .into(),
        };
        given([])
            .when(&owner(), ThreadCommand::Create(command))
            .then(made(access));
    }

    #[test]
    fn a_guest_gives_no_role_beyond_what_it_grants_to_everybody() {
        let wish = |role| CreateThread {
            permissions: Some(permissions(&["read(\"any\")"])),
            participants: vec![participant(agent("tutor"), role)],
            ..create()
        };
        let more = ThreadCommand::Create(wish(ParticipantRole::Member));
        given([])
            .when(&guest(), more.clone())
            .refused(ThreadRefusal::RightNotHeld {
                action: Action::Create,
            });
        given([]).when(&key(), more).then_granted();
        given([])
            .when(
                &guest(),
                ThreadCommand::Create(wish(ParticipantRole::Viewer)),
            )
            .then_granted();
    }

    #[test]
    fn a_deleted_id_begins_a_life_without_the_old_participants() {
        let deleted = ThreadDeleted {
            thread: thread_id(),
        };
        let mine = ThreadAccess {
            permissions: Permissions::default(),
            participants: [(person("stranger"), ParticipantRole::Owner)].into(),
        };
        given([created(), opened("i1"), deleted.into()])
            .when(&stranger(), with(&[]))
            .then(made(mine));
    }
}
