//! Replace a thread's permissions.

use super::grants::check_permissions;
use super::{
    Facts, ThreadAccess, ThreadEvent, ThreadPermissionsChanged, ThreadRefusal, ThreadState,
};
use crate::access::{Action, Permissions};

/// Replaces the permissions. Participants keep what their role gives them.
#[derive(Debug, Clone, PartialEq)]
pub struct SetPermissions {
    /// The new list.
    pub permissions: Permissions,
}

impl SetPermissions {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Update)?;
        check_permissions(facts.caller, &self.permissions)?;
        if self.permissions == thread.access.permissions {
            return Ok(Vec::new());
        }
        let participants = thread.access.participants.clone();
        let access = ThreadAccess {
            permissions: self.permissions,
            participants,
        };
        Ok(vec![ThreadPermissionsChanged { access }.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::ThreadCommand;
    use crate::threads::given::{
        access, created, denials, given, guest, key, member, owner, permissions, stranger, viewer,
    };

    fn set(texts: &[&str]) -> ThreadCommand {
        ThreadCommand::SetPermissions(SetPermissions {
            permissions: permissions(texts),
        })
    }

    #[test]
    fn it_takes_the_update_permission() {
        let lacks = || ThreadRefusal::Forbidden {
            action: Action::Update,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), lacks()),
            (member(), lacks()),
        ];
        denials(&[created()], &set(&["read(\"any\")"]), table);
    }

    #[test]
    fn a_person_grants_only_roles_that_it_holds_and_a_key_any() {
        let list = ["read(\"any\")", "read(\"user:member\")"];
        given([created()])
            .when(&owner(), set(&list))
            .refused(ThreadRefusal::RoleNotHeld {
                role: "user:member".into(),
            });
        given([created()]).when(&key(), set(&list)).then_granted();
    }

    #[test]
    fn the_same_list_changes_nothing_in_whatever_order() {
        let list = ["read(\"any\")", "write(\"users\")"];
        let reordered = [
            "delete(\"users\")",
            "update(\"users\")",
            "create(\"users\")",
            "read(\"any\")",
        ];
        given([created()])
            .when(&owner(), set(&list))
            .then_granted()
            .when(&owner(), set(&reordered))
            .then_nothing();
    }

    #[test]
    fn participants_keep_what_their_role_gives_them() {
        let changed = ThreadPermissionsChanged {
            access: ThreadAccess {
                permissions: permissions(&["read(\"any\")"]),
                ..access()
            },
        };
        let thread = given([created()])
            .when(&owner(), set(&["read(\"any\")"]))
            .then(changed);
        assert!(thread.state().authorised(&guest(), Action::Read).is_ok());
        assert!(thread.state().authorised(&member(), Action::Create).is_ok());
    }

    #[test]
    fn what_was_granted_can_be_taken_back() {
        let thread = given([created()])
            .when(&owner(), set(&["read(\"any\")"]))
            .then_granted()
            .when(&owner(), set(&[]))
            .then_granted();
        let refusal = thread.state().authorised(&guest(), Action::Read).err();
        assert_eq!(refusal, Some(ThreadRefusal::NotFound));
    }
}
