//! Permissions in Appwrite's notation: `read("user:ID")`.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::role::{InvalidRole, Role, RoleSet};

/// Most permissions that one entity may bear.
pub(crate) const MAX_PERMISSIONS: usize = 100;

/// What a permission allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// See it.
    Read,
    /// Make something in it; in a thread, post items.
    Create,
    /// Change it.
    Update,
    /// Remove it.
    Delete,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One action allowed to one role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// What is allowed.
    pub action: Action,
    /// To whom.
    pub role: Role,
}

/// Why a list of permissions was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPermission {
    /// Not of the form `action("role")`.
    #[error("expected read, create, update, delete or write, as in read(\"any\"); found {found:?}")]
    Form {
        /// The string, cut to 64 characters.
        found: String,
    },
    /// The role inside is none.
    #[error(transparent)]
    Role(#[from] InvalidRole),
    /// More than [`MAX_PERMISSIONS`].
    #[error("expected at most {MAX_PERMISSIONS} permissions, found {found}")]
    TooMany {
        /// How many there were.
        found: usize,
    },
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(\"{}\")", self.action, self.role)
    }
}

/// The permissions of an entity, without repetition, in a stable order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Reads the list of a request. `write` stands for create, update and delete.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, InvalidPermission> {
        if texts.len() > MAX_PERMISSIONS {
            return Err(InvalidPermission::TooMany { found: texts.len() });
        }
        Self::from_stored(texts)
    }

    /// Reads what was stored. Not bounded in number: a request's `write` is stored as three.
    pub fn from_stored<S: AsRef<str>>(texts: &[S]) -> Result<Self, InvalidPermission> {
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            let (actions, role) = parse_one(text.as_ref())?;
            all.extend(actions.iter().map(|&action| Permission {
                action,
                role: role.clone(),
            }));
        }
        Ok(all.into_iter().collect())
    }

    /// Everything on an entity for one role.
    #[must_use]
    pub fn everything_for(role: &Role) -> Self {
        [Action::Read, Action::Create, Action::Update, Action::Delete]
            .into_iter()
            .map(|action| Permission {
                action,
                role: role.clone(),
            })
            .collect()
    }

    /// Whether one of the roles is allowed the action.
    #[must_use]
    pub fn allow(&self, action: Action, roles: &RoleSet) -> bool {
        self.0
            .iter()
            .any(|p| p.action == action && roles.holds(&p.role))
    }

    /// The roles that are allowed an action.
    pub fn roles_for(&self, action: Action) -> impl Iterator<Item = &Role> {
        self.0
            .iter()
            .filter(move |p| p.action == action)
            .map(|p| &p.role)
    }

    /// Keeps those of which this holds.
    pub fn retain(&mut self, keep: impl FnMut(&Permission) -> bool) {
        self.0.retain(keep);
    }

    /// The permissions in order.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let mut all: Vec<Permission> = permissions.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

const WRITE: &[Action] = &[Action::Create, Action::Update, Action::Delete];

fn parse_one(text: &str) -> Result<(&'static [Action], Role), InvalidPermission> {
    let (actions, role) = split_permission(text)?;
    Ok((actions, Role::parse(role)?))
}

/// The actions of a permission, and the text of its role.
pub(crate) fn split_permission(text: &str) -> Result<(&'static [Action], &str), InvalidPermission> {
    let form = || InvalidPermission::Form {
        found: text.chars().take(64).collect(),
    };
    let (action, rest) = text.split_once('(').ok_or_else(form)?;
    let role = rest
        .strip_suffix(')')
        .and_then(|inner| inner.strip_prefix('"')?.strip_suffix('"'))
        .ok_or_else(form)?;
    let actions: &[Action] = match action {
        "read" => &[Action::Read],
        "create" => &[Action::Create],
        "update" => &[Action::Update],
        "delete" => &[Action::Delete],
        "write" => WRITE,
        _ => return Err(form()),
    };
    Ok((actions, role))
}

impl Serialize for Permissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<CompactString>::deserialize(deserializer)?;
        Self::from_stored(&texts).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_refused() {
        for text in [
            "",
            "read",
            "read()",
            "read(any)",
            "read(\"any\"",
            "own(\"any\")",
            "read(\"nobody\")",
        ] {
            assert!(
                Permissions::parse(&[text]).is_err(),
                "{text:?} must be refused"
            );
        }
        let many = vec!["read(\"any\")"; 101];
        assert_eq!(
            Permissions::parse(&many),
            Err(InvalidPermission::TooMany { found: 101 })
        );
    }

    #[test]
    fn write_stands_for_three_and_never_for_read() {
        let permissions = Permissions::parse(&["write(\"any\")"]).unwrap_or_default();
        let roles = RoleSet::guest();
        assert!(!permissions.allow(Action::Read, &roles));
        for action in [Action::Create, Action::Update, Action::Delete] {
            assert!(permissions.allow(action, &roles));
        }
    }

    #[test]
    fn what_a_request_may_set_can_be_stored_and_read_back() {
        let texts: Vec<String> = (0..MAX_PERMISSIONS)
            .map(|n| format!("write(\"user:u{n}\")"))
            .collect();
        let permissions = Permissions::parse(&texts).unwrap();
        let stored = serde_json::to_value(&permissions).unwrap();
        let read: Permissions = serde_json::from_value(stored).unwrap();
        assert_eq!(read, permissions);
        assert_eq!(read.iter().count(), 3 * MAX_PERMISSIONS);
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        assert!(!Permissions::default().allow(Action::Read, &RoleSet::guest()));
    }
}
