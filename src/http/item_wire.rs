//! An item on the wire.

use std::borrow::Cow;

use everlog_domain::envelope::Envelope;
use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::tables::system::{deltas, items};
use everlog_domain::threads::{Delta, ItemOpened, ItemPosted, ItemStatus, Metadata, Part};
use everlog_domain::value::Value;
use serde::Serialize;
use serde_json::Value as Json;

use super::cells::{cell, json, text, time};

/// Fields that `select` may name beside the `$` fields, which always come.
pub(super) const FIELDS: &[&str] = &[
    "threadId", "author", "role", "status", "parts", "metadata", "tokens",
];
/// Rows of deltas that are read at once.
const DELTAS_AT_ONCE: usize = 1_000;

/// An item on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemAnswer<'a> {
    #[serde(rename = "$id")]
    id: Cow<'a, str>,
    #[serde(rename = "$sequence")]
    sequence: i64,
    #[serde(rename = "$createdAt")]
    created_at: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
    thread_id: Cow<'a, str>,
    author: Cow<'a, str>,
    role: Cow<'a, str>,
    status: Cow<'a, str>,
    parts: Parts<'a>,
    metadata: Cow<'a, Json>,
    tokens: Option<i64>,
}

/// The content, typed or as stored.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Parts<'a> {
    Typed(&'a [Part]),
    Stored(Cow<'a, Json>),
}

impl<'a> ItemAnswer<'a> {
    /// From the event that posted it.
    #[must_use]
    pub fn of_post(envelope: &'a Envelope, posted: &'a ItemPosted) -> Self {
        let ItemPosted {
            item,
            author,
            role,
            parts,
            metadata,
            tokens,
        } = posted;
        Self {
            id: item.as_str().into(),
            author: author.as_str().into(),
            role: role.name().into(),
            status: ItemStatus::Finished.name().into(),
            parts: Parts::Typed(parts),
            metadata: Cow::Owned(metadata.to_json()),
            tokens: tokens.map(i64::from),
            ..Self::begun(envelope)
        }
    }

    /// From the event that opened it.
    #[must_use]
    pub fn of_opening(envelope: &'a Envelope, opened: &'a ItemOpened) -> Self {
        let ItemOpened {
            item,
            author,
            role,
            parts,
            metadata,
        } = opened;
        Self {
            id: item.as_str().into(),
            author: author.as_str().into(),
            role: role.name().into(),
            status: ItemStatus::Open.name().into(),
            parts: Parts::Typed(parts),
            metadata: Cow::Owned(metadata.to_json()),
            ..Self::begun(envelope)
        }
    }

    fn begun(envelope: &'a Envelope) -> Self {
        let time = envelope.time.to_string();
        Self {
            id: "".into(),
            sequence: i64::try_from(envelope.position.0).unwrap_or(i64::MAX),
            created_at: time.clone(),
            updated_at: time,
            thread_id: envelope.stream.id.as_str().into(),
            author: "".into(),
            role: "".into(),
            status: "".into(),
            parts: Parts::Typed(&[]),
            metadata: Cow::Owned(Metadata::default().to_json()),
            tokens: None,
        }
    }

    /// From its row. Of an open item the row has the beginning only: see [`with_deltas`].
    #[must_use]
    pub fn of_row(row: &'a [Value]) -> Self {
        let borrowed = |place| Cow::Borrowed(cell(row, place).as_text().unwrap_or_default());
        Self {
            id: borrowed(items::ID),
            sequence: cell(row, items::POSITION).as_int().unwrap_or_default(),
            created_at: time(row, items::CREATED_AT),
            updated_at: time(row, items::UPDATED_AT),
            thread_id: borrowed(items::THREAD),
            author: borrowed(items::AUTHOR),
            role: borrowed(items::ROLE),
            status: borrowed(items::STATUS),
            parts: Parts::Stored(Cow::Borrowed(json(row, items::PARTS))),
            metadata: Cow::Borrowed(json(row, items::METADATA)),
            tokens: cell(row, items::TOKENS).as_int(),
        }
    }
}

/// The item's row with what has been written so far, if it is open: its deltas are rows of their
/// own until it is finished.
pub fn with_deltas(
    view: &dyn RowsView,
    project: ProjectNumber,
    mut row: Vec<Value>,
) -> Result<Vec<Value>, RowsFailure> {
    if cell(&row, items::STATUS).as_text() != Some(ItemStatus::Open.name()) {
        return Ok(row);
    }
    let life = [items::THREAD, items::INCARNATION, items::POSITION];
    let prefix = life.map(|place| cell(&row, place).clone());
    let mut parts: Vec<Part> = read(json(&row, items::PARTS), &row);
    let mut after: Option<Vec<Value>> = None;
    loop {
        let rows = view.scan(
            project,
            deltas::TABLE,
            &prefix,
            after.as_deref(),
            DELTAS_AT_ONCE,
        )?;
        for stored in &rows {
            let appended: Vec<Delta> = read(json(stored, deltas::DELTA), &row);
            appended.iter().for_each(|delta| delta.apply(&mut parts));
        }
        match rows.last() {
            Some(last) if rows.len() == DELTAS_AT_ONCE => {
                let position = cell(last, deltas::POSITION).clone();
                after = Some(prefix.iter().cloned().chain([position]).collect());
            }
            _ => break,
        }
    }
    if let (Some(cell), Ok(parts)) = (row.get_mut(items::PARTS), serde_json::to_value(&parts)) {
        *cell = Value::Json(parts);
    }
    Ok(row)
}

/// Stored content as its type; what does not read is left out, and the log of the server says so.
fn read<T: serde::de::DeserializeOwned>(json: &Json, item: &[Value]) -> Vec<T> {
    serde_json::from_value(json.clone()).unwrap_or_else(|error| {
        let (thread, item) = (text(item, items::THREAD), text(item, items::ID));
        tracing::error!(%error, thread, item, "an item has content that does not read");
        Vec::new()
    })
}
