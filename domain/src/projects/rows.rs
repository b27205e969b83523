//! What facts about projects and keys do to rows.

use compact_str::CompactString;

use serde::Deserialize;

use super::{KeyCreated, KeyDeleted, ProjectCreated, ProjectEvent, ProjectQuotasSet, Quotas};
use crate::envelope::Envelope;
use crate::ids::ProjectNumber;
use crate::tables::RowChange;
use crate::tables::system::{keys, projects};
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &ProjectEvent) -> Vec<RowChange> {
    match event {
        ProjectEvent::ProjectCreated(event) => project_created(envelope, event),
        ProjectEvent::ProjectQuotasSet(event) => quotas_set(event),
        ProjectEvent::KeyCreated(event) => key_created(envelope, event),
        ProjectEvent::KeyDeleted(event) => key_deleted(event),
    }
}

fn project_created(envelope: &Envelope, event: &ProjectCreated) -> Vec<RowChange> {
    let mut row = vec![Value::Null; projects::QUOTAS + 1];
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

fn quotas_set(event: &ProjectQuotasSet) -> Vec<RowChange> {
    // Numbers under names: this cannot fail.
    let quotas = serde_json::to_value(event.quotas).unwrap_or_default();
    vec![RowChange::Update {
        table: projects::TABLE,
        key: vec![Value::text(event.project.as_str())],
        set: vec![(projects::QUOTAS, Value::Json(quotas))],
    }]
}

/// The number in a project's row; nothing if the row is damaged.
#[must_use]
pub fn number_of(row: &[Value]) -> Option<ProjectNumber> {
    let number = row.get(projects::NUMBER)?.as_int()?;
    u64::try_from(number).ok().map(ProjectNumber)
}

/// The quotas in a project's row; none where nothing was said of them, or what is there does not
/// read.
#[must_use]
pub fn quotas_of(row: &[Value]) -> Quotas {
    match row.get(projects::QUOTAS) {
        Some(Value::Json(json)) => Quotas::deserialize(json).unwrap_or_default(),
        _ => Quotas::default(),
    }
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
