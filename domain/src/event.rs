//! The one vocabulary of facts. Numbers and names are for ever: a kind and version never change
//! their meaning. What people wrote is here, in the payload, and is encrypted in the log.

use serde::{Deserializer, Serialize, Serializer};

use crate::envelope::{Envelope, EventKind};
use crate::identity::IdentityEvent;
use crate::ids::Position;
use crate::projects::ProjectEvent;
use crate::tables::RowChange;
use crate::thread_templates::TemplateEvent;
use crate::threads::{Expired, ThreadEvent, Withheld};

/// A fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// About a project or its keys.
    Project(ProjectEvent),
    /// About a person or their sessions.
    Identity(IdentityEvent),
    /// About a thread or its items.
    Thread(ThreadEvent),
    /// About an item that has expired: what it says is not handed out any more. Never in a log;
    /// [`Recorded::withhold`] alone makes it, where the log is read for somebody.
    Withheld(Withheld),
    /// About a template of threads.
    Template(TemplateEvent),
}

/// An event with its envelope, decrypted and of the current version.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Who, when, where.
    pub envelope: Envelope,
    /// What.
    pub event: Event,
}

impl Event {
    /// The event's kind.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Project(event) => event.kind(),
            Self::Identity(event) => event.kind(),
            Self::Thread(event) => event.kind(),
            Self::Template(event) => event.kind(),
            Self::Withheld(withheld) => withheld.kind,
        }
    }

    /// The position that the event has where it begins a life of its entity. A fork goes on where its
    /// source was: the positions before are those of the items that it shares.
    #[must_use]
    pub const fn first_position(&self) -> Position {
        match self {
            Self::Thread(ThreadEvent::ThreadForked(forked)) => forked.shares.until.next(),
            Self::Project(_)
            | Self::Identity(_)
            | Self::Thread(_)
            | Self::Withheld(_)
            | Self::Template(_) => Position(1),
        }
    }

    /// Writes the payload alone, in the current version.
    pub fn serialize_payload<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Project(event) => event.serialize_payload(serializer),
            Self::Identity(event) => event.serialize_payload(serializer),
            Self::Thread(event) => event.serialize_payload(serializer),
            Self::Withheld(_) => Err(serde::ser::Error::custom(
                "what is withheld is shown, and never written",
            )),
            Self::Template(event) => event.serialize_payload(serializer),
        }
    }

    /// Reads a payload of the current version. `deserializer` is asked for again for each
    /// resource until one knows the kind.
    pub fn deserialize_payload<'de, D: Deserializer<'de>>(
        kind: EventKind,
        mut deserializer: impl FnMut() -> D,
    ) -> Result<Self, D::Error> {
        if let Some(event) = ProjectEvent::deserialize_payload(kind, deserializer()) {
            return event.map(Self::Project);
        }
        if let Some(event) = IdentityEvent::deserialize_payload(kind, deserializer()) {
            return event.map(Self::Identity);
        }
        if let Some(event) = TemplateEvent::deserialize_payload(kind, deserializer()) {
            return event.map(Self::Template);
        }
        match ThreadEvent::deserialize_payload(kind, deserializer()) {
            Some(event) => event.map(Self::Thread),
            None => Err(serde::de::Error::custom("the kind belongs to no resource")),
        }
    }
}

impl From<ProjectEvent> for Event {
    fn from(event: ProjectEvent) -> Self {
        Self::Project(event)
    }
}

impl From<IdentityEvent> for Event {
    fn from(event: IdentityEvent) -> Self {
        Self::Identity(event)
    }
}

impl From<ThreadEvent> for Event {
    fn from(event: ThreadEvent) -> Self {
        Self::Thread(event)
    }
}

impl From<TemplateEvent> for Event {
    fn from(event: TemplateEvent) -> Self {
        Self::Template(event)
    }
}

/// As in the log dump: the payload alone, the kind stands in the envelope. Null of what is withheld.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Withheld(_) => serializer.serialize_unit(),
            written => written.serialize_payload(serializer),
        }
    }
}

impl Recorded {
    /// What the event does to the system's tables. Total: every event has an answer, none fails.
    #[must_use]
    pub fn row_changes(&self) -> Vec<RowChange> {
        match &self.event {
            Event::Project(event) => crate::projects::rows::changes(&self.envelope, event),
            Event::Identity(event) => crate::identity::rows::changes(&self.envelope, event),
            Event::Thread(event) => crate::threads::rows::changes(&self.envelope, event),
            Event::Template(event) => crate::thread_templates::rows::changes(&self.envelope, event),
            Event::Withheld(event) => crate::threads::rows::changes_withheld(&self.envelope, event),
        }
    }

    /// Takes away what the event says if it is about an item that has expired.
    pub fn withhold(&mut self, expired: &Expired) {
        if let Event::Thread(event) = &self.event
            && let Some(withheld) = Withheld::of(expired, self.envelope.position, event)
        {
            self.event = Event::Withheld(withheld);
        }
    }
}
