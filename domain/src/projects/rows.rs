//! What facts about projects and keys do to rows.

use compact_str::CompactString;

use serde::Deserialize;

use super::{
    EndedThread, KeyCreated, KeyDeleted, ProjectCreated, ProjectEvent, ProjectQuotasSet, Quotas,
    Retention, RetentionSet, ThreadsExpired,
};
use crate::envelope::Envelope;
use crate::ids::{Offset, ProjectId, ProjectNumber, ThreadId};
use crate::tables::RowChange;
use crate::tables::system::{
    branches, ended_threads, expirations, item_versions, items, keys, projects, retention,
};
use crate::threads::Expired;
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &ProjectEvent) -> Vec<RowChange> {
    match event {
        ProjectEvent::ProjectCreated(event) => project_created(envelope, event),
        ProjectEvent::ProjectQuotasSet(event) => quotas_set(event),
        ProjectEvent::RetentionSet(event) => retention_set(envelope, event),
        ProjectEvent::ThreadsExpired(event) => threads_expired(event),
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
    row[retention::PROJECT] = Value::text(event.project.as_str());
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

/// A project's rule as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionNow {
    /// The project's id.
    pub project: ProjectId,
    /// What it says.
    pub rule: Retention,
    /// Offset of the event that set it.
    pub set_at: Offset,
}

/// The rule in its row; nothing if the row is damaged.
#[must_use]
pub fn retention_of(row: &[Value]) -> Option<RetentionNow> {
    let Value::Json(rule) = row.get(retention::RULE)? else {
        return None;
    };
    let set_at = u64::try_from(row.get(retention::OFFSET)?.as_int()?).ok()?;
    Some(RetentionNow {
        project: ProjectId::parse(row.get(retention::PROJECT)?.as_text()?).ok()?,
        rule: Retention::deserialize(rule).ok()?,
        set_at: Offset(set_at),
    })
}

/// A thread that is over, from its row; nothing if the row is damaged.
#[must_use]
pub fn ended_thread_of(row: &[Value]) -> Option<EndedThread> {
    let incarnation = u64::try_from(row.get(ended_threads::INCARNATION)?.as_int()?).ok()?;
    Some(EndedThread {
        thread: ThreadId::parse(row.get(ended_threads::THREAD)?.as_text()?).ok()?,
        incarnation: Offset(incarnation),
        ended_at: row.get(ended_threads::ENDED_AT)?.as_time()?,
    })
}

/// The primary key of the row of a thread that is over.
#[must_use]
pub fn ended_thread_key(ended: &EndedThread) -> [Value; 3] {
    let thread = Value::text(ended.thread.as_str());
    let incarnation = Value::counter(ended.incarnation.0);
    [ended.ended_at.into(), thread, incarnation]
}

fn threads_expired(event: &ThreadsExpired) -> Vec<RowChange> {
    let table = expirations::TABLE;
    // A number and a list: this cannot fail.
    let everything = serde_json::to_value(Expired::everything()).unwrap_or_default();
    let gone = |ended: &EndedThread| {
        let [ended_at, thread, incarnation] = ended_thread_key(ended);
        let key = vec![thread.clone(), incarnation.clone()];
        let row = vec![
            thread.clone(),
            incarnation.clone(),
            Value::Json(everything.clone()),
        ];
        let kept = vec![thread.clone(), incarnation.clone()];
        // rows that stayed for forks
        let [items, branches, versions] = [items::TABLE, branches::TABLE, item_versions::TABLE]
            .map(|table| RowChange::Purge {
                table,
                prefix: kept.clone(),
                unless: None,
            });
        [
            items,
            branches,
            versions,
            RowChange::Delete {
                table: ended_threads::TABLE,
                key: vec![ended_at, thread, incarnation],
            },
            // There may be one of items that went before.
            RowChange::Delete { table, key },
            RowChange::Insert { table, row },
        ]
    };
    event.threads.iter().flat_map(gone).collect()
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
