//! A request's identity after authentication, and the one authoriser.

use super::{Action, Permissions, Principal, Role, RoleSet, Scopes};
use crate::ids::{Offset, ProjectNumber};
use crate::value::Value;

/// Whether permissions bound the caller, or scopes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Permissions are checked.
    Ordinary,
    /// An API key: only its scopes bound it.
    Key,
}

/// Who asks, and what it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The project that the credential belongs to.
    pub project: ProjectNumber,
    /// Who acts.
    pub principal: Principal,
    /// For whom, where that is somebody else.
    pub on_behalf_of: Option<Principal>,
    /// The roles it holds.
    pub roles: RoleSet,
    /// What it may ask for at all.
    pub scopes: Scopes,
    /// Whether permissions are checked.
    pub privilege: Privilege,
    /// The project's caller epoch under which roles and scopes were read, or something newer: the
    /// offset of the newest event that took from a caller what it was authenticated by. An append
    /// names it; if it has moved, the caller is authenticated again.
    pub access_epoch: Offset,
}

impl Caller {
    /// A caller without an identity.
    #[must_use]
    pub fn guest(project: ProjectNumber, access_epoch: Offset) -> Self {
        Self {
            project,
            principal: Principal::Guest,
            on_behalf_of: None,
            roles: RoleSet::guest(),
            scopes: Scopes::guest(),
            privilege: Privilege::Ordinary,
            access_epoch,
        }
    }

    /// The one authoriser: whether this caller may do `action` to something with `permissions`.
    /// Denied unless a permission says otherwise.
    #[must_use]
    pub fn may(&self, action: Action, permissions: &Permissions) -> bool {
        self.privilege == Privilege::Key || permissions.allow(action, &self.roles)
    }

    /// The same question, asked of a row: whether one of the roles in its cell of readers, as the
    /// row engine keeps them, lets this caller read it.
    #[must_use]
    pub fn may_read(&self, readers: &Value) -> bool {
        let roles = readers.as_list().iter().filter_map(Value::as_text);
        let mut roles = roles.filter_map(|text| Role::parse(text).ok());
        self.privilege == Privilege::Key || roles.any(|role| self.roles.holds(&role))
    }

    /// A caller that permissions bound may hand out only roles that it holds itself.
    /// Returns the first permission that it may not grant.
    #[must_use]
    pub fn first_not_grantable<'a>(
        &self,
        permissions: &'a Permissions,
    ) -> Option<&'a super::Permission> {
        match self.privilege {
            Privilege::Key => None,
            Privilege::Ordinary => permissions.iter().find(|p| !self.roles.holds(&p.role)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_role_of_the_callers_are_unreadable() {
        let texts = |roles: &[&str]| Value::List(roles.iter().map(|&role| role.into()).collect());
        let guest = Caller::guest(ProjectNumber(2), Offset(0));
        for readers in [
            Value::Null,
            texts(&[]),
            texts(&["users", "user:a", "nonsense"]),
        ] {
            assert!(!guest.may_read(&readers), "{readers:?}");
        }
        assert!(guest.may_read(&texts(&["user:a", "any"])));
        let key = Caller {
            privilege: Privilege::Key,
            ..guest
        };
        assert!(key.may_read(&Value::Null));
    }
}
