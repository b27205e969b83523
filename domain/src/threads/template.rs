//! A template of threads: who may do what in those that begin from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::access::{ParticipantId, ParticipantRole, ThreadAccess};
use super::bounds::MAX_PARTICIPANTS;
use super::template_permissions::{CREATOR, TemplatePermissions};
use crate::access::{Caller, Privilege, Role};
use crate::ids::UserId;

/// Most roles whose holders may use a template.
pub(super) const MAX_USERS: usize = 20;

/// A participant whom a template names: somebody, or whoever begins the thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateParticipant {
    /// `user:{creator}`.
    Creator,
    /// The same in every thread.
    Known(ParticipantId),
}

/// Who may do what in threads that begin from a template. Whoever made it is trusted with what it
/// grants; who may use it need not hold any of that, and it says itself who that is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadTemplate {
    usable_by: BTreeSet<Role>,
    permissions: TemplatePermissions,
    participants: BTreeMap<TemplateParticipant, ParticipantRole>,
}

/// Why a template was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidTemplate {
    /// Too many roles.
    #[error("usableBy: expected at most {MAX_USERS} roles, found {found}")]
    TooManyUsers {
        /// How many.
        found: usize,
    },
    /// Too many participants.
    #[error("participants: expected at most {MAX_PARTICIPANTS}, found {found}")]
    TooManyParticipants {
        /// How many.
        found: usize,
    },
}

/// The template names whoever begins the thread, and that is no person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoCreator;

impl ThreadTemplate {
    /// Accepts what a client sent. Without roles in `usable_by` it is for keys alone.
    pub fn new(
        usable_by: BTreeSet<Role>,
        permissions: TemplatePermissions,
        participants: BTreeMap<TemplateParticipant, ParticipantRole>,
    ) -> Result<Self, InvalidTemplate> {
        let found = usable_by.len();
        if found > MAX_USERS {
            return Err(InvalidTemplate::TooManyUsers { found });
        }
        let found = participants.len();
        if found > MAX_PARTICIPANTS {
            return Err(InvalidTemplate::TooManyParticipants { found });
        }
        Ok(Self {
            usable_by,
            permissions,
            participants,
        })
    }

    /// The roles whose holders may use it.
    #[must_use]
    pub const fn usable_by(&self) -> &BTreeSet<Role> {
        &self.usable_by
    }

    /// What it grants to roles.
    #[must_use]
    pub const fn permissions(&self) -> &TemplatePermissions {
        &self.permissions
    }

    /// Who takes part.
    #[must_use]
    pub const fn participants(&self) -> &BTreeMap<TemplateParticipant, ParticipantRole> {
        &self.participants
    }

    /// Whether the caller may begin threads from it.
    pub(super) fn is_for(&self, caller: &Caller) -> bool {
        let holds = |role| caller.roles.holds(role);
        caller.privilege == Privilege::Key || self.usable_by.iter().any(holds)
    }

    /// Who may do what in a thread that somebody begins from it.
    pub(super) fn access_for(&self, creator: Option<&UserId>) -> Result<ThreadAccess, NoCreator> {
        let permissions = self.permissions.granted_for(creator).ok_or(NoCreator)?;
        let mut participants = BTreeMap::new();
        for (participant, &role) in &self.participants {
            let id = match participant {
                TemplateParticipant::Known(id) => id.clone(),
                TemplateParticipant::Creator => {
                    ParticipantId::User(creator.ok_or(NoCreator)?.clone())
                }
            };
            // whoever is named twice keeps the role with more rights
            let entry = participants.entry(id).or_insert(role);
            if role.actions().len() > entry.actions().len() {
                *entry = role;
            }
        }
        Ok(ThreadAccess {
            permissions,
            participants,
        })
    }
}

impl fmt::Display for TemplateParticipant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Creator => f.write_str(CREATOR),
            Self::Known(id) => id.fmt(f),
        }
    }
}

impl Serialize for TemplateParticipant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TemplateParticipant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        let invalid =
            || serde::de::Error::custom(format!("expected user:ID, agent:ID or {CREATOR}"));
        match text.as_str() {
            CREATOR => Ok(Self::Creator),
            id => ParticipantId::parse(id)
                .map(Self::Known)
                .ok_or_else(invalid),
        }
    }
}
