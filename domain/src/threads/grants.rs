//! What a caller may hand out. A caller that permissions bound gives nobody more than it has.

use super::access::{ParticipantRole, ThreadAccess};
use super::refusal::ThreadRefusal;
use crate::access::{Caller, Permissions};

/// Permissions, each to a role that the caller holds.
pub(super) fn check_permissions(
    caller: &Caller,
    permissions: &Permissions,
) -> Result<(), ThreadRefusal> {
    match caller.first_not_grantable(permissions) {
        Some(permission) => Err(ThreadRefusal::RoleNotHeld {
            role: permission.role.to_string(),
        }),
        None => Ok(()),
    }
}

/// A participant's role, whose every right the caller has in the thread.
pub(super) fn check_role(
    caller: &Caller,
    access: &ThreadAccess,
    role: ParticipantRole,
) -> Result<(), ThreadRefusal> {
    let mut actions = role.actions().iter();
    match actions.find(|action| !access.allows(caller, **action)) {
        Some(&action) => Err(ThreadRefusal::RightNotHeld { action }),
        None => Ok(()),
    }
}
