//! What facts about projects and keys do to rows.

use compact_str::CompactString;

use serde::Deserialize;

use super::{
    KeyCreated, KeyDeleted, ProjectCreated, ProjectEvent, ProjectQuotasSet, Quotas, Retention,
    RetentionSet,
};
use crate::envelope::Envelope;
use crate::ids::{Offset, ProjectNumber};
use crate::tables::RowChange;
use crate::tables::system::{keys, projects, retention};
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &ProjectEvent) -> Vec<RowChange> {
    match event {
        ProjectEvent::ProjectCreated(event) => project_created(envelope, event),
        ProjectEvent::ProjectQuotasSet(event) => quotas_set(event),
        ProjectEvent::RetentionSet(event) => retention_set(envelope, event),
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

/// There is a row while there is a rule.
fn retention_set(envelope: &Envelope, event: &RetentionSet) -> Vec<RowChange> {
    let table = retention::TABLE;
    let former = RowChange::Delete {
        table,
        key: vec![Value::text(retention::ONLY)],
    };
    if event.retention.is_none() {
        return vec![former];
    }
    let mut row = vec![Value::Null; retention::OFFSET + 1];
    row[retention::ID] = Value::text(retention::ONLY);
    // Numbers under names: this cannot fail.
    let rule = serde_json::to_value(event.retention).unwrap_or_default();
    row[retention::RULE] = Value::Json(rule);
    row[retention::UPDATED_AT] = envelope.time.into();
    row[retention::OFFSET] = Value::counter(envelope.offset.0);
    vec![former, RowChange::Insert { table, row }]
}

/// The primary key of a project's rule.
#[must_use]
pub fn retention_key() -> [Value; 1] {
    [Value::text(retention::ONLY)]
}

/// The rule in its row, and the offset of the event that set it; nothing if the row is damaged.
#[must_use]
pub fn retention_of(row: &[Value]) -> Option<(Retention, Offset)> {
    let Value::Json(rule) = row.get(retention::RULE)? else {
        return None;
    };
    let offset = u64::try_from(row.get(retention::OFFSET)?.as_int()?).ok()?;
    Some((Retention::deserialize(rule).ok()?, Offset(offset)))
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
