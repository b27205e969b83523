//! An event of the log as one line of JSON: what `everlog log` prints and what `/v1/log` answers.

use std::io;

use everlog_domain::envelope::Envelope;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::hash::Hash;
use everlog_domain::identity::IdentityEvent;
use everlog_domain::projects::ProjectEvent;
use serde::Serialize;

/// In place of a secret's hash.
const BLANK: Hash = Hash::from_bytes([0; 32]);

/// A line: the envelope's fields, then what happened.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    #[serde(flatten)]
    envelope: &'a Envelope,
    /// Null where it cannot be read, or is not handed out.
    event: Option<&'a Event>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl<'a> Line<'a> {
    /// Of an event.
    pub(crate) fn of(recorded: &'a Recorded) -> Self {
        let unreadable = match &recorded.event {
            Event::Withheld(_) => Some("the item that it is about has expired".to_owned()),
            _ => None,
        };
        Self {
            envelope: &recorded.envelope,
            event: Some(&recorded.event),
            unreadable,
        }
    }

    /// Of an event whose payload is encrypted under a key that is gone.
    pub(super) fn without_key(envelope: &'a Envelope) -> Self {
        let reason = format!("data key {:016x} is missing", envelope.key.0);
        Self {
            envelope,
            event: None,
            unreadable: Some(reason),
        }
    }

    /// Writes it, without the end of the line.
    pub(crate) fn write(&self, out: impl io::Write) -> io::Result<()> {
        Ok(serde_json::to_writer(out, self)?)
    }
}

/// The event without what a password or a secret could be tried against: whoever has a dump could
/// do so elsewhere, for as long as they like.
pub(crate) fn without_secrets(mut recorded: Recorded) -> Recorded {
    match &mut recorded.event {
        Event::Identity(IdentityEvent::UserCreated(created)) => created.password_hash.clear(),
        Event::Identity(IdentityEvent::SessionCreated(created)) => created.secret_hash = BLANK,
        Event::Project(ProjectEvent::KeyCreated(created)) => created.secret_hash = BLANK,
        Event::Identity(IdentityEvent::SessionDeleted(_))
        | Event::Project(
            ProjectEvent::ProjectCreated(_)
            | ProjectEvent::ProjectQuotasSet(_)
            | ProjectEvent::RetentionSet(_)
            | ProjectEvent::ThreadsExpired(_)
            | ProjectEvent::KeyDeleted(_),
        )
        | Event::Thread(_)
        | Event::Withheld(_)
        | Event::Template(_) => {}
    }
    recorded
}
