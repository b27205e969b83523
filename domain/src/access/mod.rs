//! Who may do what: roles, permissions, callers, and the one authoriser.

mod caller;
mod permission;
mod principal;
mod role;
mod scopes;

pub use caller::{Caller, Privilege};
pub use permission::{Action, InvalidPermission, Permission, Permissions};
pub use principal::Principal;
pub use role::{InvalidRole, Role, RoleSet, Verification};
pub use scopes::{Scopes, UnknownScope};

pub(crate) use permission::{MAX_PERMISSIONS, split_permission};
