//! From the lines of a file to the commands that they become.

use everlog_domain::access::Permissions;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::threads::{
    CreateThread, ItemRole, ItemStatus, Mentions, Metadata, NewItem, Parent, Part, Participant,
    ParticipantId, ThreadName,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::lines_out::VERSION;
use crate::error::ApiError;

/// Where in the metadata of what was imported stands what the log cannot say of it: its events are
/// of now, and in the name of whoever imports.
pub(super) const ORIGINAL: &str = "$original";

/// A line of a file, told apart by its `type`.
#[derive(Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum Wire {
    Export { version: u32 },
    Thread(Box<ThreadWire>),
    Item(Box<ItemWire>),
    Receipt {},
    Withdrawn {},
    End {},
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThreadWire {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Option<String>,
    #[serde(rename = "$updatedAt")]
    _updated_at: Option<String>,
    #[serde(rename = "$permissions", default)]
    permissions: Vec<String>,
    name: Option<String>,
    metadata: Option<Json>,
    #[serde(default)]
    participants: Vec<Participant>,
    #[serde(rename = "lastItemAt")]
    _last_item_at: Option<String>,
    active_item_id: Option<String>,
    forked_from: Option<Json>,
    template_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ItemWire {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$sequence")]
    _sequence: Option<i64>,
    #[serde(rename = "$createdAt")]
    created_at: Option<String>,
    #[serde(rename = "$updatedAt")]
    _updated_at: Option<String>,
    thread_id: String,
    author: Option<String>,
    role: ItemRole,
    status: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
    metadata: Option<Json>,
    tokens: Option<u32>,
    parent_id: Option<Parent>,
    edited_at: Option<String>,
    #[serde(default)]
    reactions: Map<String, Json>,
    pinned_at: Option<String>,
    #[serde(default)]
    mentions: Vec<String>,
}

/// A line, as far as an import is concerned.
pub(super) enum Imported {
    /// A file begins.
    Beginning,
    Thread(Box<ThreadImport>),
    Item(Box<ItemImport>),
    Receipt,
    Nothing,
    /// The file ends.
    End,
}

/// A thread to begin.
pub(super) struct ThreadImport {
    pub(super) command: CreateThread,
    /// When it was made, here or where it was made first.
    pub(super) created_at: Option<String>,
    pub(super) active: Option<ItemId>,
}

/// An item to post.
pub(super) struct ItemImport {
    pub(super) thread: String,
    pub(super) item: NewItem,
    pub(super) status: ItemStatus,
    pub(super) is_pinned: bool,
    pub(super) reactions: u64,
}

/// Reads a line.
///
/// # Errors
/// What was expected and found.
pub(super) fn read(bytes: &[u8]) -> Result<Imported, ApiError> {
    let wire = serde_json::from_slice(bytes);
    match wire.map_err(|error| ApiError::argument("line", error))? {
        Wire::Export { version } if version != VERSION => Err(ApiError::argument(
            "version",
            format!("expected {VERSION}, found {version}: use a newer release"),
        )),
        Wire::Export { .. } => Ok(Imported::Beginning),
        Wire::Thread(thread) => thread.import().map(Box::new).map(Imported::Thread),
        Wire::Item(item) => item.import().map(Box::new).map(Imported::Item),
        Wire::Receipt {} => Ok(Imported::Receipt),
        Wire::Withdrawn {} => Ok(Imported::Nothing),
        Wire::End {} => Ok(Imported::End),
    }
}

impl ThreadWire {
    fn import(self) -> Result<ThreadImport, ApiError> {
        let id = ThreadId::parse(&self.id);
        let name = self.name.as_deref().map(|text| {
            let expected = "expected 1 to 256 characters";
            ThreadName::parse(text).ok_or_else(|| ApiError::argument("name", expected))
        });
        let permissions = Permissions::parse(&self.permissions);
        let mut original = Map::new();
        note(&mut original, "createdAt", self.created_at.as_deref());
        // it comes with all its items: here it is a thread like any other
        if let Some(source) = self.forked_from.filter(Json::is_object) {
            original.insert("forkedFrom".to_owned(), source);
        }
        note(&mut original, "templateId", self.template_id.as_deref());
        let active = self.active_item_id.as_deref().map(ItemId::parse);
        Ok(ThreadImport {
            created_at: first_creation(self.metadata.as_ref()).or(self.created_at),
            command: CreateThread {
                thread: id.map_err(|error| ApiError::argument("$id", error))?,
                name: name.transpose()?,
                metadata: with_original(self.metadata, original)?,
                permissions: Some(
                    permissions.map_err(|error| ApiError::argument("$permissions", error))?,
                ),
                participants: self.participants,
                template: None,
            },
            active: active
                .transpose()
                .map_err(|error| ApiError::argument("activeItemId", error))?,
        })
    }
}

impl ItemWire {
    fn import(self) -> Result<ItemImport, ApiError> {
        let id = ItemId::parse(&self.id);
        let id = id.map_err(|error| ApiError::argument("$id", error))?;
        let named = self.status.as_deref().unwrap_or("finished");
        let status = ItemStatus::parse(named).ok_or_else(|| {
            let expected = "expected open, finished, abandoned or deleted";
            ApiError::argument("status", format!("{expected}, found {named:?}"))
        })?;
        let author = self.author.as_deref();
        let nameable = author.and_then(ParticipantId::parse);
        let mut original = Map::new();
        note(&mut original, "createdAt", self.created_at.as_deref());
        // keys and guests are nobody here that a key could speak for
        let nameless = author.filter(|_| nameable.is_none());
        note(&mut original, "author", nameless);
        note(&mut original, "editedAt", self.edited_at.as_deref());
        if !self.mentions.is_empty() {
            let mentions = self.mentions.into_iter().map(Json::String);
            original.insert("mentions".to_owned(), mentions.collect());
        }
        let reactions = self.reactions.values().filter_map(Json::as_u64).sum();
        if !self.reactions.is_empty() {
            original.insert("reactions".to_owned(), Json::Object(self.reactions));
        }
        // what was deleted said nothing any more; its metadata would tell of it
        let metadata = match status {
            ItemStatus::Deleted => Metadata::default(),
            ItemStatus::Open | ItemStatus::Finished | ItemStatus::Abandoned => {
                with_original(self.metadata, original)?
            }
        };
        Ok(ItemImport {
            thread: self.thread_id,
            item: NewItem {
                id,
                role: self.role,
                parts: self.parts,
                metadata,
                tokens: self.tokens,
                author: nameable,
                parent: self.parent_id,
                // nobody is told again of what is over
                mentions: Mentions::new(),
            },
            status,
            is_pinned: self.pinned_at.is_some(),
            reactions,
        })
    }
}

fn note(original: &mut Map<String, Json>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        original.insert(name.to_owned(), Json::String(value.to_owned()));
    }
}

/// What was noted where it was imported first stays.
fn with_original(
    metadata: Option<Json>,
    original: Map<String, Json>,
) -> Result<Metadata, ApiError> {
    let mut metadata = metadata.unwrap_or_else(|| Json::Object(Map::new()));
    if let Json::Object(fields) = &mut metadata
        && !fields.contains_key(ORIGINAL)
        && !original.is_empty()
    {
        fields.insert(ORIGINAL.to_owned(), Json::Object(original));
    }
    Metadata::parse(metadata).map_err(|error| ApiError::argument("metadata", error))
}

/// When a thread was made first, if it was imported.
pub(super) fn first_creation(metadata: Option<&Json>) -> Option<String> {
    let original = metadata?.get(ORIGINAL)?;
    Some(original.get("createdAt")?.as_str()?.to_owned())
}
