//! What facts about projects and keys do to rows.

use compact_str::CompactString;

use super::{KeyCreated, KeyDeleted, ProjectCreated, ProjectEvent};
use crate::envelope::Envelope;
use crate::tables::RowChange;
use crate::tables::system::{keys, projects};
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &ProjectEvent) -> Vec<RowChange> {
    match event {
        ProjectEvent::ProjectCreated(event) => project_created(envelope, event),
        ProjectEvent::KeyCreated(event) => key_created(envelope, event),
        ProjectEvent::KeyDeleted(event) => key_deleted(event),
    }
}

fn project_created(envelope: &Envelope, event: &ProjectCreated) -> Vec<RowChange> {
    let mut row = vec![Value::Null; projects::UID + 1];
    row[projects::ID] = Value::text(event.project.as_str());
    row[projects::CREATED_AT] = envelope.time.into();
    row[projects::NAME] = Value::text(&event.name);
    row[projects::NUMBER] = Value::counter(event.number.0);
    row[projects::UID] = Value::text(&hex::encode(event.uid.0));
    vec![RowChange::Insert {
        table: projects::TABLE,
        row,
    }]
}

fn key_created(envelope: &Envelope, event: &KeyCreated) -> Vec<RowChange> {
    let scopes = event
        .scopes
        .iter()
        .map(|scope| Value::Text(CompactString::new(scope)));
    let mut row = vec![Value::Null; keys::EXPIRE + 1];
    row[keys::ID] = Value::text(event.key.as_str());
    row[keys::CREATED_AT] = envelope.time.into();
    row[keys::NAME] = Value::text(&event.name);
    row[keys::SCOPES] = Value::List(scopes.collect());
    row[keys::SECRET_HASH] = Value::text(&event.secret_hash.to_string());
    row[keys::EXPIRE] = event.expire.into();
    vec![RowChange::Insert {
        table: keys::TABLE,
        row,
    }]
}

fn key_deleted(event: &KeyDeleted) -> Vec<RowChange> {
    vec![RowChange::Delete {
        table: keys::TABLE,
        key: vec![Value::text(event.key.as_str())],
    }]
}
