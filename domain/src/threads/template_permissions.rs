//! Permissions that name whoever begins a thread: `update("user:{creator}")`.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::access::{
    Action, InvalidPermission, MAX_PERMISSIONS, Permission, Permissions, Role, Verification,
    split_permission,
};
use crate::ids::UserId;

/// Whoever begins the thread. No id has braces.
pub(super) const CREATOR: &str = "user:{creator}";

/// What is granted in every thread that begins from a template, in a stable order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplatePermissions(Vec<TemplatePermission>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TemplatePermission {
    action: Action,
    to: TemplateRole,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum TemplateRole {
    /// The role of whoever begins the thread.
    Creator(Verification),
    /// The same in every thread.
    Known(Role),
}

impl TemplatePermissions {
    /// Reads the list of a request. `write` stands for create, update and delete.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, InvalidPermission> {
        if texts.len() > MAX_PERMISSIONS {
            return Err(InvalidPermission::TooMany { found: texts.len() });
        }
        Self::from_stored(texts)
    }

    fn from_stored<S: AsRef<str>>(texts: &[S]) -> Result<Self, InvalidPermission> {
        let mut all = Vec::with_capacity(texts.len());
        for text in texts {
            let (actions, role) = split_permission(text.as_ref())?;
            let to = TemplateRole::parse(role)?;
            all.extend(actions.iter().map(|&action| TemplatePermission {
                action,
                to: to.clone(),
            }));
        }
        all.sort_unstable();
        all.dedup();
        Ok(Self(all))
    }

    /// What is granted in a thread that somebody begins; nothing if it names whoever that is, and
    /// that is no person.
    pub(super) fn granted_for(&self, creator: Option<&UserId>) -> Option<Permissions> {
        let granted = self.0.iter().map(|permission| {
            let role = match &permission.to {
                TemplateRole::Known(role) => role.clone(),
                TemplateRole::Creator(verification) => Role::User(creator?.clone(), *verification),
            };
            Some(Permission {
                action: permission.action,
                role,
            })
        });
        granted.collect()
    }

    /// As texts, in order.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|permission| {
            let action = permission.action;
            match &permission.to {
                TemplateRole::Creator(verification) => {
                    format!("{action}(\"{CREATOR}{verification}\")")
                }
                TemplateRole::Known(role) => format!("{action}(\"{role}\")"),
            }
        })
    }
}

impl TemplateRole {
    fn parse(text: &str) -> Result<Self, InvalidPermission> {
        let creator = match text.strip_prefix(CREATOR) {
            Some("") => Some(Verification::Any),
            Some("/verified") => Some(Verification::Verified),
            Some("/unverified") => Some(Verification::Unverified),
            Some(_) | None => None,
        };
        match creator {
            Some(verification) => Ok(Self::Creator(verification)),
            None => Ok(Self::Known(Role::parse(text)?)),
        }
    }
}

impl Serialize for TemplatePermissions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.texts())
    }
}

impl<'de> Deserialize<'de> for TemplatePermissions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<CompactString>::deserialize(deserializer)?;
        Self::from_stored(&texts).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_permission_of_a_template_is_refused() {
        for text in [
            "read",
            "read(\"{creator}\")",
            "read(\"agent:{creator}\")",
            "read(\"label:{creator}\")",
            "read(\"team:t/{creator}\")",
            "read(\"user:{creator}x\")",
            "read(\"user:{creator}/owner\")",
            "read(\"user:{self}\")",
            "own(\"user:{creator}\")",
        ] {
            assert!(TemplatePermissions::parse(&[text]).is_err(), "{text}");
        }
        let found = MAX_PERMISSIONS + 1;
        let many = vec!["read(\"any\")"; found];
        assert_eq!(
            TemplatePermissions::parse(&many),
            Err(InvalidPermission::TooMany { found })
        );
    }

    #[test]
    fn whoever_begins_the_thread_takes_the_place() {
        let texts = [
            "read(\"team:support\")",
            "write(\"user:{creator}/verified\")",
        ];
        let template = TemplatePermissions::parse(&texts).unwrap();
        assert_eq!(template.granted_for(None), None);
        let ann = UserId::parse("ann").unwrap();
        let expected = ["read(\"team:support\")", "write(\"user:ann/verified\")"];
        assert_eq!(
            template.granted_for(Some(&ann)),
            Permissions::parse(&expected).ok()
        );
        let stored = serde_json::to_value(&template).unwrap();
        let read: TemplatePermissions = serde_json::from_value(stored).unwrap();
        assert_eq!(read, template);
    }
}
