//! Cells of rows, and their order.

use std::cmp::Ordering;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::time::Time;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A finite double: NaN and the infinities are refused at the edge.
    Float(f64),
    /// Text.
    Text(CompactString),
    /// A moment.
    Time(Time),
    /// Several values of one type.
    List(Vec<Value>),
    /// Any JSON. Not comparable beyond equality, not indexable.
    Json(Json),
}

impl Value {
    /// Text from anything printable.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(CompactString::new(text))
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The moment, if it is one.
    #[must_use]
    pub const fn as_time(&self) -> Option<Time> {
        match self {
            Self::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// The values of a list; nothing for everything else.
    #[must_use]
    pub fn as_list(&self) -> &[Value] {
        match self {
            Self::List(values) => values,
            _ => &[],
        }
    }

    /// Whether the cell is empty.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Bytes that the cell takes in memory, roughly. What is empty counts too: a list of empty
    /// lists takes many times the bytes of its text.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let inside = match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Time(_) => 0,
            Self::Text(text) => text.len(),
            Self::List(values) => values.iter().map(Self::memory_bytes).sum(),
            Self::Json(json) => bytes_inside(json),
        };
        size_of::<Self>() + inside
    }

    /// Counters of the log (offsets, positions) as cells. They stay far below 2^63.
    #[must_use]
    pub fn counter(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A total order: by type (null first), then by value. Index keys sort alike.
    #[must_use]
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::List(a), Self::List(b)) => compare_lists(a, b),
            (Self::Json(a), Self::Json(b)) => a.to_string().cmp(&b.to_string()),
            (a, b) => a.type_rank().cmp(&b.type_rank()),
        }
    }

    const fn type_rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Float(_) => 3,
            Self::Time(_) => 4,
            Self::Text(_) => 5,
            Self::List(_) => 6,
            Self::Json(_) => 7,
        }
    }
}

/// A field of a JSON object: its hash, its name, its value, and its places in the table.
const FIELD: usize = size_of::<(u64, String, Json)>() + 2 * size_of::<usize>();
/// An object that is not empty makes room for so many fields.
const FEWEST_FIELDS: usize = 4;

/// What a JSON value takes beyond itself. The depth of stored JSON is bounded where it comes in.
fn bytes_inside(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        Json::String(text) => text.len(),
        Json::Array(values) => {
            let values = values.iter();
            values
                .map(|value| size_of::<Json>() + bytes_inside(value))
                .sum()
        }
        Json::Object(fields) if fields.is_empty() => 0,
        Json::Object(fields) => {
            let inside = |(name, value): (&String, &Json)| name.len() + bytes_inside(value);
            fields.len().max(FEWEST_FIELDS) * FIELD + fields.iter().map(inside).sum::<usize>()
        }
    }
}

fn compare_lists(a: &[Value], b: &[Value]) -> Ordering {
    let unequal = a
        .iter()
        .zip(b)
        .map(|(a, b)| a.total_cmp(b))
        .find(|o| o.is_ne());
    unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_values_take_memory_as_well() {
        let cell = |json| Value::Json(json).memory_bytes();
        for (empty, least) in [
            (json!([]), 32),
            (json!({}), 32),
            (json!(""), 32),
            (json!(null), 32),
            // a table of its own
            (json!({ "": 0 }), 256),
        ] {
            let thousand = vec![empty.clone(); 1_000];
            let found = cell(Json::Array(thousand));
            assert!(found >= 1_000 * least, "{found} bytes for 1,000 of {empty}");
        }
        let texts = Value::List(vec![Value::text(""); 1_000]);
        assert!(texts.memory_bytes() >= 1_000 * size_of::<Value>());
    }

    #[test]
    fn texts_count_with_their_length() {
        let long = "x".repeat(1_000);
        for value in [
            Value::text(&long),
            Value::List(vec![Value::text(&long)]),
            Value::Json(json!([long.as_str()])),
            Value::Json(json!({ (long.as_str()): null })),
            Value::Json(json!({ "a": long.as_str() })),
        ] {
            let found = value.memory_bytes();
            assert!((1_000..2_000).contains(&found), "{found} bytes");
        }
    }
}
