//! An item on the wire.

use std::borrow::Cow;

use everlog_domain::envelope::Envelope;
use everlog_domain::tables::system::items;
use everlog_domain::threads::{ItemOpened, ItemPosted, ItemStatus, Mentioned, Metadata, Part};
use everlog_domain::value::Value;
use serde::Serialize;
use serde_json::Value as Json;

use super::cells::{cell, json, texts, time};

/// Fields that `select` may name beside the `$` fields, which always come.
pub(super) const FIELDS: &[&str] = &[
    "threadId",
    "author",
    "role",
    "status",
    "parts",
    "metadata",
    "tokens",
    "parentId",
    "editedAt",
    "reactions",
    "pinnedAt",
    "mentions",
];

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
    /// What it follows, if that is not the item before it; empty for the beginning.
    parent_id: Option<Cow<'a, str>>,
    edited_at: Option<String>,
    /// How often each reaction stands on it.
    reactions: Cow<'a, Json>,
    pinned_at: Option<String>,
    /// `user:ID`, `agent:ID`, `everyone`.
    mentions: Vec<Cow<'a, str>>,
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
            parent,
            mentions,
        } = posted;
        Self {
            id: item.as_str().into(),
            author: author.as_str().into(),
            role: role.name().into(),
            status: ItemStatus::Finished.name().into(),
            parts: Parts::Typed(parts),
            metadata: Cow::Owned(metadata.to_json()),
            tokens: tokens.map(i64::from),
            parent_id: parent.as_ref().map(|parent| parent.as_str().into()),
            mentions: named(mentions.as_ref()),
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
            parent,
            mentions,
        } = opened;
        Self {
            id: item.as_str().into(),
            author: author.as_str().into(),
            role: role.name().into(),
            status: ItemStatus::Open.name().into(),
            parts: Parts::Typed(parts),
            metadata: Cow::Owned(metadata.to_json()),
            parent_id: parent.as_ref().map(|parent| parent.as_str().into()),
            mentions: named(mentions.as_ref()),
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
            parent_id: None,
            edited_at: None,
            reactions: Cow::Owned(no_reactions()),
            pinned_at: None,
            mentions: Vec::new(),
        }
    }

    /// From its row. Of an open item the row has the beginning only: see
    /// [`with_deltas`](super::with_deltas).
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
            parent_id: cell(row, items::PARENT).as_text().map(Cow::Borrowed),
            edited_at: moment(row, items::EDITED_AT),
            reactions: match json(row, items::REACTIONS) {
                Json::Null => Cow::Owned(no_reactions()),
                counts => Cow::Borrowed(counts),
            },
            pinned_at: moment(row, items::PINNED_AT),
            mentions: texts(row, items::MENTIONS).map(Cow::Borrowed).collect(),
        }
    }
}

fn named(mentioned: Option<&Mentioned>) -> Vec<Cow<'static, str>> {
    let named = mentioned.into_iter().flat_map(|mentioned| &mentioned.named);
    named.map(|mention| mention.to_string().into()).collect()
}

fn no_reactions() -> Json {
    Json::Object(serde_json::Map::new())
}

fn moment(row: &[Value], place: usize) -> Option<String> {
    match cell(row, place) {
        Value::Null => None,
        _ => Some(time(row, place)),
    }
}
