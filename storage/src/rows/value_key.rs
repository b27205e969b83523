//! Values as bytes whose order is the order of the values ([`Value::total_cmp`]).
//!
//! ```text
//! null   01
//! bool   02, 00 or 01
//! int    03, 8 bytes big-endian with the sign bit flipped
//! float  04, 8 bytes big-endian: sign bit flipped, or all bits if negative (IEEE 754 total order)
//! time   05, like an int
//! text   06, the bytes with 00 written as 00 FF, then 00 01
//! list   07, its values, then 00
//! json   08, its text like a text
//! ```
//!
//! No value's bytes begin another's, so values written one after another sort like tuples, and
//! all bytes of a value inverted sort the other way round.

use compact_str::CompactString;
use everlog_domain::query::Direction;
use everlog_domain::time::Time;
use everlog_domain::value::Value;

const NULL: u8 = 1;
const BOOL: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TIME: u8 = 5;
const TEXT: u8 = 6;
const LIST: u8 = 7;
const JSON: u8 = 8;

const END_OF_LIST: u8 = 0;
const ESCAPE: u8 = 0;
const ESCAPED_ZERO: u8 = 0xFF;
const END_OF_TEXT: u8 = 1;

/// Appends a value, so that larger values sort later, or earlier if descending.
pub(super) fn write(out: &mut Vec<u8>, value: &Value, direction: Direction) {
    let start = out.len();
    write_ascending(out, value);
    if direction == Direction::Descending {
        invert(&mut out[start..]);
    }
}

/// Appends the beginning that all texts with this beginning share.
pub(super) fn write_beginning(out: &mut Vec<u8>, text: &str, direction: Direction) {
    let start = out.len();
    out.push(TEXT);
    write_escaped(out, text.as_bytes());
    if direction == Direction::Descending {
        invert(&mut out[start..]);
    }
}

/// Turns the order of bytes round.
pub(super) fn invert(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}

fn write_ascending(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(bool) => out.extend_from_slice(&[BOOL, u8::from(*bool)]),
        Value::Int(int) => write_number(out, INT, ordered_int(*int)),
        Value::Float(float) => write_number(out, FLOAT, ordered_float(*float)),
        Value::Time(time) => write_number(out, TIME, ordered_int(time.0)),
        Value::Text(text) => write_text(out, TEXT, text),
        Value::List(values) => {
            out.push(LIST);
            for value in values {
                write_ascending(out, value);
            }
            out.push(END_OF_LIST);
        }
        Value::Json(json) => write_text(out, JSON, &json.to_string()),
    }
}

fn write_number(out: &mut Vec<u8>, tag: u8, ordered: u64) {
    out.push(tag);
    out.extend_from_slice(&ordered.to_be_bytes());
}

const SIGN: u64 = 1 << 63;

const fn ordered_int(int: i64) -> u64 {
    int.cast_unsigned() ^ SIGN
}

const fn ordered_float(float: f64) -> u64 {
    let bits = float.to_bits();
    if bits & SIGN == 0 { bits ^ SIGN } else { !bits }
}

const fn float_of(ordered: u64) -> f64 {
    let bits = if ordered & SIGN == 0 {
        !ordered
    } else {
        ordered ^ SIGN
    };
    f64::from_bits(bits)
}

fn write_text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    write_escaped(out, text.as_bytes());
    out.extend_from_slice(&[ESCAPE, END_OF_TEXT]);
}

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        out.push(byte);
        if byte == ESCAPE {
            out.push(ESCAPED_ZERO);
        }
    }
}

/// Reads values back from a key.
pub(super) struct KeyReader<'a> {
    rest: &'a [u8],
}

impl<'a> KeyReader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next value; nothing if the bytes are none.
    pub(super) fn value(&mut self, direction: Direction) -> Option<Value> {
        let mask = match direction {
            Direction::Ascending => 0x00,
            Direction::Descending => 0xFF,
        };
        let tag = self.byte(mask)?;
        self.tagged(tag, mask)
    }

    fn tagged(&mut self, tag: u8, mask: u8) -> Option<Value> {
        match tag {
            NULL => Some(Value::Null),
            BOOL => match self.byte(mask)? {
                0 => Some(Value::Bool(false)),
                1 => Some(Value::Bool(true)),
                _ => None,
            },
            INT => Some(Value::Int(self.int(mask)?)),
            FLOAT => Some(Value::Float(float_of(self.number(mask)?))),
            TIME => Some(Value::Time(Time(self.int(mask)?))),
            TEXT => Some(Value::Text(
                CompactString::from_utf8(self.text(mask)?).ok()?,
            )),
            LIST => self.list(mask),
            JSON => Some(Value::Json(serde_json::from_slice(&self.text(mask)?).ok()?)),
            _ => None,
        }
    }

    fn list(&mut self, mask: u8) -> Option<Value> {
        let mut values = Vec::new();
        loop {
            match self.byte(mask)? {
                END_OF_LIST => return Some(Value::List(values)),
                tag => values.push(self.tagged(tag, mask)?),
            }
        }
    }

    fn byte(&mut self, mask: u8) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first ^ mask)
    }

    fn number(&mut self, mask: u8) -> Option<u64> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_be_bytes(bytes.map(|byte| byte ^ mask)))
    }

    fn int(&mut self, mask: u8) -> Option<i64> {
        Some((self.number(mask)? ^ SIGN).cast_signed())
    }

    fn text(&mut self, mask: u8) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.byte(mask)? {
                ESCAPE => match self.byte(mask)? {
                    ESCAPED_ZERO => text.push(ESCAPE),
                    END_OF_TEXT => return Some(text),
                    _ => return None,
                },
                byte => text.push(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::query::Direction::{Ascending, Descending};
    use proptest::prelude::*;

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-2_i64..3).prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            any::<i64>().prop_map(|us| Value::Time(Time(us))),
            "[a\u{0}\u{1}\u{ff}é]{0,4}".prop_map(|text| Value::text(&text)),
            "[ab]{0,2}".prop_map(|text| Value::Json(text.into())),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        scalar().prop_recursive(2, 8, 3, |inner| {
            prop::collection::vec(inner, 0..3).prop_map(Value::List)
        })
    }

    fn direction() -> impl Strategy<Value = Direction> {
        prop_oneof![Just(Ascending), Just(Descending)]
    }

    fn bytes(value: &Value, direction: Direction) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, value, direction);
        out
    }

    proptest! {
        #[test]
        fn bytes_sort_like_values(a in value(), b in value()) {
            let ascending = bytes(&a, Ascending).cmp(&bytes(&b, Ascending));
            let descending = bytes(&b, Descending).cmp(&bytes(&a, Descending));
            prop_assert_eq!(ascending, a.total_cmp(&b));
            prop_assert_eq!(descending, a.total_cmp(&b));
        }

        #[test]
        fn composite_keys_sort_like_tuples(
            a in [value(), value()], b in [value(), value()], directions in [direction(), direction()],
        ) {
            let key = |values: &[Value; 2]| {
                let mut out = Vec::new();
                for (value, direction) in values.iter().zip(directions) {
                    write(&mut out, value, direction);
                }
                out
            };
            let orders = (0..2).map(|place| match directions[place] {
                Ascending => a[place].total_cmp(&b[place]),
                Descending => b[place].total_cmp(&a[place]),
            });
            let expected = orders.into_iter().find(|order| order.is_ne());
            prop_assert_eq!(key(&a).cmp(&key(&b)), expected.unwrap_or(std::cmp::Ordering::Equal));
        }

        #[test]
        fn keys_read_back(values in prop::collection::vec((value(), direction()), 0..4)) {
            let mut key = Vec::new();
            for (value, direction) in &values {
                write(&mut key, value, *direction);
            }
            let mut reader = KeyReader::new(&key);
            for (value, direction) in &values {
                let read = reader.value(*direction).unwrap();
                prop_assert!(read.total_cmp(value).is_eq(), "{:?} came back as {:?}", value, read);
            }
            prop_assert!(reader.rest().is_empty());
        }

        #[test]
        fn nonsense_is_no_value(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            for direction in [Ascending, Descending] {
                let _ = KeyReader::new(&bytes).value(direction);
            }
        }

        #[test]
        fn texts_lie_under_their_beginning(text in "[a\u{0}\u{ff}]{0,4}", more in "[a\u{0}]{0,2}") {
            for direction in [Ascending, Descending] {
                let mut beginning = Vec::new();
                write_beginning(&mut beginning, &text, direction);
                let whole = bytes(&Value::text(&format!("{text}{more}")), direction);
                prop_assert!(whole.starts_with(&beginning));
            }
        }
    }

    #[test]
    fn cut_keys_are_no_value() {
        for value in [
            Value::Int(1),
            Value::text("ab"),
            Value::List(vec![Value::Null]),
        ] {
            let whole = bytes(&value, Ascending);
            for end in 0..whole.len() {
                assert_eq!(KeyReader::new(&whole[..end]).value(Ascending), None);
            }
        }
    }
}
