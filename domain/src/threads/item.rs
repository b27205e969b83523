//! What stands in a thread: messages, tool calls and results, reasoning, files, data.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::access::ParticipantId;
use super::bounds::{MAX_ITEM_BYTES, MAX_PARTS};
use super::mention::{Mentions, mention_bytes};
use super::metadata::{Metadata, check_json, json_bytes};
use super::parent::Parent;
use super::refusal::ThreadRefusal;
use crate::access::{Caller, Principal, Privilege};
use crate::ids::ItemId;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemRole {
    /// A person.
    User,
    /// A model or an agent.
    Assistant,
    /// Instructions.
    System,
    /// A tool's result.
    Tool,
}

impl ItemRole {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::User, Self::Assistant, Self::System, Self::Tool];
        all.into_iter().find(|role| role.name() == name)
    }
}

/// How far an item has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemStatus {
    /// Being written.
    Open,
    /// Complete.
    Finished,
    /// Given up before it was complete.
    Abandoned,
    /// Says nothing any more.
    Deleted,
}

impl ItemStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finished => "finished",
            Self::Abandoned => "abandoned",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Finished, Self::Abandoned, Self::Deleted];
        all.into_iter().find(|status| status.name() == name)
    }
}

/// A typed part of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Part {
    /// What is said.
    Text {
        /// The text.
        text: String,
    },
    /// What was thought.
    Reasoning {
        /// The text.
        text: String,
    },
    /// A call of a tool.
    ToolCall {
        /// The call's id, which the result names.
        call_id: CompactString,
        /// The tool.
        name: CompactString,
        /// Its arguments.
        arguments: Json,
    },
    /// What a tool answered.
    ToolResult {
        /// The call that it answers.
        call_id: CompactString,
        /// The answer.
        result: Json,
        /// Whether the tool failed.
        #[serde(default)]
        is_error: bool,
    },
    /// A file by reference.
    File {
        /// Id of the file.
        file_id: CompactString,
        /// Its name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<CompactString>,
        /// Its media type (RFC 6838).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mime_type: Option<CompactString>,
    },
    /// Data of the application's own.
    Data {
        /// What it is.
        name: CompactString,
        /// The data.
        data: Json,
    },
}

impl Part {
    /// Whether text can be appended to it.
    #[must_use]
    pub const fn takes_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Reasoning { .. })
    }

    /// The text that deltas append to, in parts that have one.
    pub const fn text_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Text { text } | Self::Reasoning { text } => Some(text),
            _ => None,
        }
    }
}

/// What is appended to an item that is being written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum Delta {
    /// Text at the end of a text or reasoning part.
    Text {
        /// Place of the part in the item, from 0.
        part: u16,
        /// What to append.
        text: String,
    },
    /// A new part at the end of the item.
    Part {
        /// The part.
        part: Part,
    },
}

impl Delta {
    /// Appends to an item's parts. Total: a delta that does not fit changes nothing (decisions
    /// refuse it before it becomes an event).
    pub fn apply(&self, parts: &mut Vec<Part>) {
        match self {
            Self::Part { part } => parts.push(part.clone()),
            Self::Text { part, text } => {
                if let Some(whole) = parts.get_mut(usize::from(*part)).and_then(Part::text_mut) {
                    whole.push_str(text);
                }
            }
        }
    }

    /// Bytes that it adds, roughly: what the bound on an item counts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text { text, .. } => text.len(),
            Self::Part { part } => part_bytes(part),
        }
    }

    /// Whether it adds nothing: models send empty texts, and they are not worth an event.
    pub(super) const fn is_empty(&self) -> bool {
        matches!(self, Self::Text { text, .. } if text.is_empty())
    }
}

/// Bytes of content that the bound on an item counts. At least those that a record takes for it,
/// so that whatever fits can also be finished and abandoned.
#[must_use]
pub(super) fn part_bytes(part: &Part) -> usize {
    match part {
        Part::Text { text } | Part::Reasoning { text } => text.len(),
        Part::ToolCall {
            call_id,
            name,
            arguments,
        } => call_id.len() + name.len() + json_bytes(arguments),
        Part::ToolResult {
            call_id, result, ..
        } => call_id.len() + json_bytes(result),
        Part::File {
            file_id,
            name,
            mime_type,
        } => {
            let length = |text: &Option<CompactString>| text.as_ref().map_or(0, |text| text.len());
            file_id.len() + length(name) + length(mime_type)
        }
        Part::Data { name, data } => name.len() + json_bytes(data),
    }
}

/// What a client sends for a new item, whole or to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// Its id.
    pub id: ItemId,
    /// Who speaks.
    pub role: ItemRole,
    /// Its content, or the beginning of it.
    pub parts: Vec<Part>,
    /// Anything else.
    pub metadata: Metadata,
    /// Tokens that it counts, if known.
    pub tokens: Option<u32>,
    /// Who wrote it, if the caller is a key that speaks for somebody.
    pub author: Option<ParticipantId>,
    /// What it follows, if that is named.
    pub parent: Option<Parent>,
    /// Whom it mentions.
    pub mentions: Mentions,
}

impl NewItem {
    /// Bytes that it brings, roughly.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.parts.iter().map(part_bytes).sum::<usize>();
        parts + self.metadata.bytes() + mention_bytes(&self.mentions)
    }

    /// Checks what types alone cannot: the number and the size of parts.
    pub(super) fn check(&self) -> Result<(), ThreadRefusal> {
        check_parts(&self.parts)
    }
}

pub(super) fn check_parts(parts: &[Part]) -> Result<(), ThreadRefusal> {
    if parts.len() > MAX_PARTS {
        return Err(ThreadRefusal::TooManyParts { found: parts.len() });
    }
    for part in parts {
        check_part(part)?;
    }
    let found = parts.iter().map(part_bytes).sum();
    if found > MAX_ITEM_BYTES {
        return Err(ThreadRefusal::ItemTooLarge { found });
    }
    Ok(())
}

pub(super) fn check_part(part: &Part) -> Result<(), ThreadRefusal> {
    let json = match part {
        Part::ToolCall { arguments, .. } => arguments,
        Part::ToolResult { result, .. } => result,
        Part::Data { data, .. } => data,
        Part::Text { .. } | Part::Reasoning { .. } | Part::File { .. } => return Ok(()),
    };
    Ok(check_json(json, MAX_ITEM_BYTES)?)
}

/// Who wrote an item, as text: `user:ID`, `agent:ID`, `key:ID` or `guest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Author(CompactString);

impl Author {
    /// The author of what a caller posts. Only a key may name another than itself.
    pub(super) fn of(
        caller: &Caller,
        named: Option<&ParticipantId>,
    ) -> Result<Self, ThreadRefusal> {
        match (named, caller.privilege) {
            (None, _) => Ok(Self::principal(&caller.principal)),
            (Some(named), Privilege::Key) => Ok(Self(named.to_string().into())),
            (Some(named), Privilege::Ordinary) => {
                let own = Self::principal(&caller.principal);
                if own.0 == named.to_string() {
                    Ok(own)
                } else {
                    Err(ThreadRefusal::AuthorNotOwn)
                }
            }
        }
    }

    /// An author read back from where it was stored.
    pub(super) fn from_stored(text: &str) -> Self {
        Self(CompactString::new(text))
    }

    /// A principal as an author.
    #[must_use]
    pub fn principal(principal: &Principal) -> Self {
        Self(principal.to_string().into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
