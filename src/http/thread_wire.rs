//! A thread on the wire.

use everlog_domain::envelope::Envelope;
use everlog_domain::tables::system::threads;
use everlog_domain::threads::{
    ForkedFrom, ParticipantId, ParticipantRole, ThreadAccess, ThreadCreated, ThreadForked,
};
use everlog_domain::value::Value;
use serde::Serialize;
use serde_json::Value as Json;

use super::cells::{cell, json, text, texts, time};

/// Fields that `select` may name beside the `$` fields, which always come.
pub(super) const FIELDS: &[&str] = &[
    "name",
    "metadata",
    "participants",
    "lastItemAt",
    "activeItemId",
    "forkedFrom",
    "templateId",
];

/// A thread on the wire. Its sequence stays inside: it is an offset in the project's log, and would
/// tell how busy the project is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadAnswer {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
    #[serde(rename = "$permissions")]
    permissions: Vec<String>,
    name: Option<String>,
    metadata: Json,
    participants: Vec<ParticipantAnswer>,
    last_item_at: String,
    /// The item that the next one follows, if that is not the newest.
    active_item_id: Option<String>,
    /// The thread that it was forked from, and the item if one was named.
    forked_from: Json,
    /// The template that it began from.
    template_id: Option<String>,
}

/// A participant on the wire.
#[derive(Debug, Serialize)]
pub(super) struct ParticipantAnswer {
    /// `user:ID` or `agent:ID`.
    pub id: String,
    /// `owner`, `member` or `viewer`.
    pub role: Json,
}

impl ThreadAnswer {
    /// From its row.
    #[must_use]
    pub fn of_row(row: &[Value]) -> Self {
        Self {
            id: text(row, threads::ID),
            created_at: time(row, threads::CREATED_AT),
            updated_at: time(row, threads::UPDATED_AT),
            permissions: texts(row, threads::PERMISSIONS)
                .map(str::to_owned)
                .collect(),
            name: cell(row, threads::NAME).as_text().map(str::to_owned),
            metadata: json(row, threads::METADATA).clone(),
            participants: participants(row),
            last_item_at: time(row, threads::LAST_ITEM_AT),
            active_item_id: cell(row, threads::ACTIVE_ITEM).as_text().map(str::to_owned),
            forked_from: json(row, threads::FORKED_FROM).clone(),
            template_id: cell(row, threads::TEMPLATE).as_text().map(str::to_owned),
        }
    }

    /// From the event that began it.
    #[must_use]
    pub fn of_creation(envelope: &Envelope, created: &ThreadCreated) -> Self {
        let time = envelope.time.to_string();
        Self {
            id: created.thread.to_string(),
            created_at: time.clone(),
            updated_at: time.clone(),
            permissions: permission_texts(&created.access),
            name: created.name.as_ref().map(|name| name.as_str().to_owned()),
            metadata: created.metadata.to_json(),
            participants: with_roles(&created.access),
            last_item_at: time,
            active_item_id: None,
            forked_from: Json::Null,
            template_id: created.template.as_ref().map(ToString::to_string),
        }
    }

    /// From the event that forked it from another.
    #[must_use]
    pub fn of_fork(envelope: &Envelope, forked: &ThreadForked) -> Self {
        let last_item_at = forked.last_item_at.unwrap_or(envelope.time);
        let source = ForkedFrom::new(&forked.shares.thread, forked.item.as_ref());
        Self {
            id: forked.thread.to_string(),
            created_at: envelope.time.to_string(),
            updated_at: envelope.time.to_string(),
            permissions: permission_texts(&forked.access),
            name: forked.name.as_ref().map(|name| name.as_str().to_owned()),
            metadata: forked.metadata.to_json(),
            participants: with_roles(&forked.access),
            last_item_at: last_item_at.to_string(),
            active_item_id: forked.continues.as_ref().map(ToString::to_string),
            // two ids, which always have a JSON form
            forked_from: serde_json::to_value(source).unwrap_or(Json::Null),
            template_id: None,
        }
    }
}

fn permission_texts(access: &ThreadAccess) -> Vec<String> {
    access.permissions.iter().map(ToString::to_string).collect()
}

fn with_roles(access: &ThreadAccess) -> Vec<ParticipantAnswer> {
    let answer = |(id, role): (&ParticipantId, &ParticipantRole)| ParticipantAnswer {
        id: id.to_string(),
        // a role is a name, which always has a JSON form
        role: serde_json::to_value(role).unwrap_or(Json::Null),
    };
    access.participants.iter().map(answer).collect()
}

/// The participants of a thread's row.
#[must_use]
pub(super) fn participants(row: &[Value]) -> Vec<ParticipantAnswer> {
    let Json::Object(map) = json(row, threads::PARTICIPANTS) else {
        return Vec::new();
    };
    let answer = |(id, role): (&String, &Json)| ParticipantAnswer {
        id: id.clone(),
        role: role.clone(),
    };
    map.iter().map(answer).collect()
}

/// Who may do what in the thread of a row. What does not read allows nothing.
#[must_use]
pub(crate) fn access(row: &[Value]) -> ThreadAccess {
    let permissions: Vec<&str> = texts(row, threads::PERMISSIONS).collect();
    let access = serde_json::json!({
        "permissions": permissions,
        "participants": json(row, threads::PARTICIPANTS),
    });
    serde_json::from_value(access).unwrap_or_else(|error| {
        tracing::error!(%error, "a thread's row has permissions that do not read");
        ThreadAccess::default()
    })
}
