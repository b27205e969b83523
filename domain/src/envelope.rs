//! Everything about an event but what it says: who, when, where, of what kind. Envelopes hold
//! opaque ids only.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};

use crate::access::Principal;
use crate::hash::Hash;
use crate::ids::{Offset, Position, ProjectNumber, ProjectUid, Scope};
use crate::time::Time;

/// The sort of entity that a stream belongs to. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StreamKind {
    /// `project/P`: in the log of the console, and, for what is said of it there, in its own.
    Project = 1,
    /// `user/U`, with the user's sessions.
    User = 2,
    /// `key/K`.
    Key = 3,
    /// `thread/T`, with its items.
    Thread = 4,
    /// `template/T`, of threads.
    Template = 5,
}

impl StreamKind {
    /// The kind of a stored number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Project),
            2 => Some(Self::User),
            3 => Some(Self::Key),
            4 => Some(Self::Thread),
            5 => Some(Self::Template),
            _ => None,
        }
    }

    /// The name before the slash.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
            Self::Key => "key",
            Self::Thread => "thread",
            Self::Template => "template",
        }
    }
}

/// The events of one entity. Together with the incarnation (the offset of its creation) it names
/// one life of the entity, so that a re-created id never shows the old owner's history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// The sort of entity.
    pub kind: StreamKind,
    /// Its id.
    pub id: CompactString,
}

impl Stream {
    /// A stream by kind and id.
    #[must_use]
    pub fn new(kind: StreamKind, id: &str) -> Self {
        Self {
            kind,
            id: CompactString::new(id),
        }
    }

    /// The stream of a thread.
    #[must_use]
    pub fn thread(id: &crate::ids::ThreadId) -> Self {
        Self::new(StreamKind::Thread, id.as_str())
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.id)
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How far a stream has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Offset of the creation of the entity's present (or last) life.
    pub incarnation: Offset,
    /// Position of its newest event.
    pub position: Position,
}

/// Everything about an event but what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The project's number, which stands in keys only.
    pub project: ProjectNumber,
    /// The project's identity, which is part of the chain.
    pub uid: ProjectUid,
    /// Place in the project's log.
    pub offset: Offset,
    /// The entity.
    pub stream: Stream,
    /// Offset of the event that created this life of the entity.
    pub incarnation: Offset,
    /// Place in this life of the entity, from 1; a fork goes on where its source was.
    pub position: Position,
    /// What kind of event.
    pub kind: EventKind,
    /// Version of the payload's form.
    pub version: u16,
    /// When the server accepted it. Never runs backwards within a project.
    pub time: Time,
    /// Who did it.
    pub principal: Principal,
    /// For whom, where that is somebody else.
    pub on_behalf_of: Option<Principal>,
    /// The event that led to this one, where there is one.
    pub cause: Option<Offset>,
    /// The wish that this event answers, if the caller named it.
    pub idempotency: Option<Idempotency>,
    /// The data key that encrypts the payload.
    pub key: DataKeyId,
    /// Hash of the event before it in the project; the uid's hash before the first.
    pub previous: Hash,
    /// SHA-256 of the payload as stored (encrypted).
    pub payload_hash: Hash,
}

/// Names a data key in the key store.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DataKeyId(pub u64);

/// What makes a retry recognisable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Idempotency {
    /// Project, principal, route and the caller's key.
    pub scope: Scope,
    /// The request's body: it must be the same in a retry.
    pub body: Hash,
}

macro_rules! kinds {
    ($($number:literal $name:literal $variant:ident),+ $(,)?) => {
        /// The kind of a fact: its number is part of the format, its name of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum EventKind {
            $(#[doc = concat!("`", $name, "`")] $variant = $number),+
        }

        impl EventKind {
            /// Every kind, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The kind of a stored number.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The name, as in `item.posted`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

// New kinds go to the end of their group; numbers are never reused.
kinds! {
    1 "project.created" ProjectCreated,
    2 "project.quotas.set" ProjectQuotasSet,
    3 "project.retention.set" RetentionSet,
    4 "project.threads.expired" ThreadsExpired,
    20 "user.created" UserCreated,
    21 "session.created" SessionCreated,
    22 "session.deleted" SessionDeleted,
    40 "key.created" KeyCreated,
    41 "key.deleted" KeyDeleted,
    60 "thread.created" ThreadCreated,
    61 "thread.updated" ThreadUpdated,
    62 "thread.permissions.changed" ThreadPermissionsChanged,
    63 "thread.participant.added" ParticipantAdded,
    64 "thread.participant.removed" ParticipantRemoved,
    65 "thread.deleted" ThreadDeleted,
    66 "thread.branch.switched" BranchSwitched,
    67 "thread.read" ThreadRead,
    68 "thread.forked" ThreadForked,
    69 "thread.items.expired" ItemsExpired,
    80 "item.posted" ItemPosted,
    81 "item.opened" ItemOpened,
    82 "item.delta" ItemDelta,
    83 "item.finished" ItemFinished,
    84 "item.abandoned" ItemAbandoned,
    85 "item.edited" ItemEdited,
    86 "item.deleted" ItemDeleted,
    87 "item.reaction.added" ItemReactionAdded,
    88 "item.reaction.removed" ItemReactionRemoved,
    89 "item.pinned" ItemPinned,
    90 "item.unpinned" ItemUnpinned,
    91 "item.copied" ItemCopied,
    100 "template.created" TemplateCreated,
    101 "template.updated" TemplateUpdated,
    102 "template.deleted" TemplateDeleted,
}

impl EventKind {
    /// The number in the record.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The version of the payload that this program writes.
    #[must_use]
    pub const fn current_version(self) -> u16 {
        1
    }

    /// Whether the event moves the project's access epoch: it takes from somebody, or gives to
    /// somebody, a right over something that existed before. Who watches that must look again.
    #[must_use]
    pub const fn changes_access(self) -> bool {
        matches!(
            self,
            Self::SessionDeleted
                | Self::KeyDeleted
                | Self::ThreadPermissionsChanged
                | Self::ParticipantAdded
                | Self::ParticipantRemoved
                | Self::ThreadDeleted
        )
    }

    /// Whether the event takes from a caller what it was authenticated by: whatever was authorised
    /// before, and is not in the log yet, must be authorised again.
    ///
    /// Changes of a thread's own access are not among them: they move that thread's position, which
    /// an append to it names, so its decision is made again, and other threads are not concerned.
    #[must_use]
    pub const fn revokes_callers(self) -> bool {
        matches!(self, Self::SessionDeleted | Self::KeyDeleted)
    }

    /// Whether the event begins a life of its entity.
    #[must_use]
    pub const fn creates_stream(self) -> bool {
        matches!(
            self,
            Self::ProjectCreated
                | Self::UserCreated
                | Self::KeyCreated
                | Self::ThreadCreated
                | Self::ThreadForked
                | Self::TemplateCreated
        )
    }
}

/// Makes the enum of one resource's facts, and the way between a fact and its stored payload.
macro_rules! facts {
    ($(#[$doc:meta])* $name:ident { $($variant:ident($payload:ty)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $(#[doc = concat!("See [`", stringify!($payload), "`].")] $variant($payload)),+
        }

        impl $name {
            /// The fact's kind.
            #[must_use]
            pub const fn kind(&self) -> $crate::envelope::EventKind {
                match self {
                    $(Self::$variant(_) => $crate::envelope::EventKind::$variant),+
                }
            }

            /// Writes the payload alone, in the current version.
            pub fn serialize_payload<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => serde::Serialize::serialize(payload, serializer)),+
                }
            }

            /// Reads a payload of the current version; nothing if the kind is another resource's.
            pub fn deserialize_payload<'de, D: serde::Deserializer<'de>>(
                kind: $crate::envelope::EventKind,
                deserializer: D,
            ) -> Option<Result<Self, D::Error>> {
                match kind {
                    $($crate::envelope::EventKind::$variant => {
                        Some(<$payload as serde::Deserialize>::deserialize(deserializer).map(Self::$variant))
                    })+
                    _ => None,
                }
            }
        }

        $(impl From<$payload> for $name {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

pub(crate) use facts;

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_kind_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_number(kind.number()), Some(kind));
            assert!(names.insert(kind.name()), "{} stands twice", kind.name());
        }
        assert_eq!(EventKind::from_number(0), None);
    }
}
