//! Who may do what in a thread: its permissions, and what participants get from their role.

use std::collections::BTreeMap;
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::access::{Action, Caller, Permission, Permissions, Role};
use crate::ids::{AgentId, UserId};

/// A person or an agent in a thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParticipantId {
    /// A person.
    User(UserId),
    /// An agent.
    Agent(AgentId),
}

/// What a participant may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParticipantRole {
    /// Everything.
    Owner,
    /// Read and post.
    Member,
    /// Read.
    Viewer,
}

/// A participant with its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// As what.
    pub role: ParticipantRole,
}

impl ParticipantId {
    /// Reads `user:ID` or `agent:ID`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("user", id) => UserId::parse(id).ok().map(Self::User),
            ("agent", id) => AgentId::parse(id).ok().map(Self::Agent),
            _ => None,
        }
    }

    fn role(&self) -> Role {
        match self {
            Self::User(id) => Role::user(id.clone()),
            Self::Agent(id) => Role::Agent(id.clone()),
        }
    }

    /// Whether a role is held by it alone.
    fn is_named_by(&self, role: &Role) -> bool {
        match (self, role) {
            (Self::User(id), Role::User(named, _)) => id == named,
            (Self::Agent(_), role) => *role == self.role(),
            (Self::User(_), _) => false,
        }
    }
}

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
        }
    }
}

impl Serialize for ParticipantId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ParticipantId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected user:ID or agent:ID"))
    }
}

impl ParticipantRole {
    /// What it allows.
    pub(super) const fn actions(self) -> &'static [Action] {
        match self {
            Self::Owner => &[Action::Read, Action::Create, Action::Update, Action::Delete],
            Self::Member => &[Action::Read, Action::Create],
            Self::Viewer => &[Action::Read],
        }
    }
}

/// A thread's permissions and participants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadAccess {
    /// What was granted to roles.
    pub permissions: Permissions,
    /// Who takes part.
    pub participants: BTreeMap<ParticipantId, ParticipantRole>,
}

impl ThreadAccess {
    /// Permissions together with what participants get from their role.
    #[must_use]
    pub fn effective(&self) -> Permissions {
        let granted = self.permissions.iter().cloned();
        let taking_part = self.participants.iter().flat_map(|(id, role)| {
            let grant = |&action: &Action| Permission {
                action,
                role: id.role(),
            };
            role.actions().iter().map(grant)
        });
        granted.chain(taking_part).collect()
    }

    /// Whether the caller may do this in the thread: what [`ThreadAccess::effective`] says, without
    /// putting it together.
    #[must_use]
    pub fn allows(&self, caller: &Caller, action: Action) -> bool {
        let as_participant = |(id, role): (&ParticipantId, &ParticipantRole)| {
            role.actions().contains(&action) && caller.roles.holds(&id.role())
        };
        caller.may(action, &self.permissions) || self.participants.iter().any(as_participant)
    }

    /// Gives somebody a role. In place of an earlier role, it also ends what was granted by name
    /// and goes beyond the new one: else who began a thread could not be made less than its owner.
    pub fn give(&mut self, id: &ParticipantId, role: ParticipantRole) {
        let earlier = self.participants.insert(id.clone(), role);
        if earlier.is_some() {
            self.permissions.retain(|permission| {
                !id.is_named_by(&permission.role) || role.actions().contains(&permission.action)
            });
        }
    }

    /// Takes from somebody its part and what was granted to it by name. Answers whether it took
    /// part.
    pub fn remove(&mut self, id: &ParticipantId) -> bool {
        let took_part = self.participants.remove(id).is_some();
        if took_part {
            self.permissions
                .retain(|permission| !id.is_named_by(&permission.role));
        }
        took_part
    }

    /// The roles that may read, as text, for the permission index.
    #[must_use]
    pub fn readers(&self) -> Vec<CompactString> {
        let effective = self.effective();
        effective
            .roles_for(Action::Read)
            .map(|role| CompactString::from(role.to_string()))
            .collect()
    }
}
