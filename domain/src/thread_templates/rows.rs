//! What facts about templates do to rows, and how they are read back.

use serde::Deserialize;

use super::{TemplateCreated, TemplateDeleted, TemplateEvent, TemplateUpdated};
use crate::envelope::Envelope;
use crate::tables::RowChange;
use crate::tables::system::thread_templates;
use crate::threads::ThreadTemplate;
use crate::value::Value;

/// What a fact does to rows.
pub(crate) fn changes(envelope: &Envelope, event: &TemplateEvent) -> Vec<RowChange> {
    let change = match event {
        TemplateEvent::TemplateCreated(event) => created(envelope, event),
        TemplateEvent::TemplateUpdated(event) => updated(envelope, event),
        TemplateEvent::TemplateDeleted(event) => deleted(event),
    };
    vec![change]
}

fn content(template: &ThreadTemplate) -> Value {
    // All keys are strings: this cannot fail.
    Value::Json(serde_json::to_value(template).unwrap_or_default())
}

fn created(envelope: &Envelope, event: &TemplateCreated) -> RowChange {
    let mut row = vec![Value::Null; thread_templates::CONTENT + 1];
    row[thread_templates::ID] = Value::text(event.template.as_str());
    row[thread_templates::CREATED_AT] = envelope.time.into();
    row[thread_templates::UPDATED_AT] = envelope.time.into();
    row[thread_templates::CONTENT] = content(&event.content);
    RowChange::Insert {
        table: thread_templates::TABLE,
        row,
    }
}

fn updated(envelope: &Envelope, event: &TemplateUpdated) -> RowChange {
    RowChange::Update {
        table: thread_templates::TABLE,
        key: vec![Value::text(event.template.as_str())],
        set: vec![
            (thread_templates::UPDATED_AT, envelope.time.into()),
            (thread_templates::CONTENT, content(&event.content)),
        ],
    }
}

fn deleted(event: &TemplateDeleted) -> RowChange {
    RowChange::Delete {
        table: thread_templates::TABLE,
        key: vec![Value::text(event.template.as_str())],
    }
}

/// What a template says, from its row; nothing if the row is damaged.
#[must_use]
pub fn template_of(row: &[Value]) -> Option<ThreadTemplate> {
    match row.get(thread_templates::CONTENT)? {
        Value::Json(json) => ThreadTemplate::deserialize(json).ok(),
        _ => None,
    }
}
