//! Free-form JSON that clients attach to threads and items, bounded.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use thiserror::Error;

/// Largest metadata, in bytes of JSON text.
pub(super) const MAX_METADATA_BYTES: usize = 16 * 1024;
/// The longest head that a record puts before a text, list or object.
const HEAD: usize = 5;
/// Deepest nesting.
pub(super) const MAX_DEPTH: usize = 16;

/// A JSON object of bounded size and depth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Map<String, Json>);

/// Why JSON was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidMetadata {
    /// Not an object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// Too large.
    #[error("expected at most {limit} bytes of JSON, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// Its size.
        found: usize,
    },
    /// Nested too deeply.
    #[error("expected JSON nested at most {MAX_DEPTH} deep")]
    TooDeep,
}

impl Metadata {
    /// Accepts what a client sent.
    pub fn parse(json: Json) -> Result<Self, InvalidMetadata> {
        let Json::Object(map) = json else {
            return Err(InvalidMetadata::NotAnObject);
        };
        let json = Json::Object(map);
        check_json(&json, MAX_METADATA_BYTES)?;
        match json {
            Json::Object(map) => Ok(Self(map)),
            _ => Err(InvalidMetadata::NotAnObject),
        }
    }

    /// Its fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, json)| (name.as_str(), json))
    }

    /// Bytes that it takes, roughly: what admission counts. At least those that a record takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        packed_fields(&self.0)
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::Object(self.0.clone())
    }
}

/// Checks size (bytes of its text) and depth of any JSON.
pub(super) fn check_json(json: &Json, limit: usize) -> Result<(), InvalidMetadata> {
    if depth_exceeds(json, MAX_DEPTH) {
        return Err(InvalidMetadata::TooDeep);
    }
    let found = json.to_string().len();
    if found > limit {
        return Err(InvalidMetadata::TooLarge { limit, found });
    }
    Ok(())
}

/// The larger of its text and its packed form: `0.5` has three bytes of text and nine in a record.
pub(super) fn json_bytes(json: &Json) -> usize {
    json.to_string().len().max(packed_bytes(json))
}

/// Bytes that a record takes for it at most. It is as deep as metadata may be.
fn packed_bytes(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 1,
        Json::Number(_) => 9,
        Json::String(text) => HEAD + text.len(),
        Json::Array(list) => HEAD + list.iter().map(packed_bytes).sum::<usize>(),
        Json::Object(fields) => HEAD + packed_fields(fields),
    }
}

fn packed_fields(fields: &Map<String, Json>) -> usize {
    let field = |(name, json): (&String, &Json)| HEAD + name.len() + packed_bytes(json);
    fields.iter().map(field).sum()
}

fn depth_exceeds(json: &Json, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else {
        return true;
    };
    match json {
        Json::Array(values) => values.iter().any(|value| depth_exceeds(value, left)),
        Json::Object(map) => map.values().any(|value| depth_exceeds(value, left)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metadata_is_bounded() {
        let deep = (0..20).fold(json!(1), |inner, _| json!({ "a": inner }));
        let table = [
            (json!([]), InvalidMetadata::NotAnObject),
            (json!("x"), InvalidMetadata::NotAnObject),
            (deep, InvalidMetadata::TooDeep),
            (
                json!({ "a": "x".repeat(16_384) }),
                InvalidMetadata::TooLarge {
                    limit: 16_384,
                    found: 16_392,
                },
            ),
        ];
        for (json, expected) in table {
            assert_eq!(Metadata::parse(json), Err(expected));
        }
        assert!(Metadata::parse(json!({ "topic": "x", "n": [1, 2] })).is_ok());
    }
}
