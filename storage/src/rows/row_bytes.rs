//! Rows as stored bytes. One cell is read without decoding the others:
//!
//! ```text
//! format u8 = 1   cells u16   end of each cell u32, from the start of the cells   the cells
//! ```
//!
//! Numbers are little-endian. A cell is a tag and its value: bools as one byte, numbers as eight,
//! text as it is, lists with their length and the length of each cell, JSON as MessagePack (its
//! text form would not give every float back).

use compact_str::CompactString;
use everlog_domain::tables::Row;
use everlog_domain::time::Time;
use everlog_domain::value::Value;

const FORMAT: u8 = 1;
const HEADER: usize = 3;
const END: usize = 4;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const TIME: u8 = 6;
const LIST: u8 = 7;
const JSON: u8 = 8;

/// Why a row cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooLarge {
    /// More than a `u16` counts.
    #[error("a row has at most 65,535 cells")]
    Cells,
    /// More than a `u32` counts.
    #[error("a row has at most 4 GiB")]
    Bytes,
    /// JSON that MessagePack does not take.
    #[error("the cell's JSON cannot be written")]
    Json,
}

/// Writes a row as bytes into an empty buffer.
pub(super) fn encode(out: &mut Vec<u8>, row: &[Value]) -> Result<(), TooLarge> {
    let count = u16::try_from(row.len()).map_err(|_| TooLarge::Cells)?;
    let cells_at = HEADER + row.len() * END;
    out.push(FORMAT);
    out.extend_from_slice(&count.to_le_bytes());
    out.resize(cells_at, 0);
    for (place, value) in row.iter().enumerate() {
        write_cell(out, value)?;
        let end = u32::try_from(out.len() - cells_at).map_err(|_| TooLarge::Bytes)?;
        let at = HEADER + place * END;
        out[at..at + END].copy_from_slice(&end.to_le_bytes());
    }
    Ok(())
}

fn write_cell(out: &mut Vec<u8>, value: &Value) -> Result<(), TooLarge> {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(int) => write_number(out, INT, int.to_le_bytes()),
        Value::Float(float) => write_number(out, FLOAT, float.to_le_bytes()),
        Value::Time(time) => write_number(out, TIME, time.0.to_le_bytes()),
        Value::Text(text) => {
            out.push(TEXT);
            out.extend_from_slice(text.as_bytes());
        }
        Value::List(values) => write_list(out, values)?,
        Value::Json(json) => {
            out.push(JSON);
            rmp_serde::encode::write(out, json).map_err(|_| TooLarge::Json)?;
        }
    }
    Ok(())
}

fn write_number(out: &mut Vec<u8>, tag: u8, bytes: [u8; 8]) {
    out.push(tag);
    out.extend_from_slice(&bytes);
}

fn write_list(out: &mut Vec<u8>, values: &[Value]) -> Result<(), TooLarge> {
    out.push(LIST);
    for value in values {
        let at = out.len();
        out.extend_from_slice(&[0; END]);
        write_cell(out, value)?;
        let length = u32::try_from(out.len() - at - END).map_err(|_| TooLarge::Bytes)?;
        out[at..at + END].copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// A stored row. Reading answers nothing where the bytes are not a row: damage.
#[derive(Clone, Copy)]
pub(super) struct StoredRow<'a> {
    ends: &'a [u8],
    cells: &'a [u8],
}

impl<'a> StoredRow<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let [format, low, high] = *header;
        let count = usize::from(u16::from_le_bytes([low, high]));
        let (ends, cells) = rest.split_at_checked(count * END)?;
        (format == FORMAT).then_some(Self { ends, cells })
    }

    const fn count(self) -> usize {
        self.ends.len() / END
    }

    fn end(self, place: usize) -> Option<usize> {
        let bytes = self.ends.get(place * END..)?.first_chunk::<END>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    /// One cell.
    pub(super) fn cell(self, place: usize) -> Option<Value> {
        let start = match place.checked_sub(1) {
            None => 0,
            Some(before) => self.end(before)?,
        };
        read_cell(self.cells.get(start..self.end(place)?)?)
    }

    /// The whole row.
    pub(super) fn row(self) -> Option<Row> {
        (0..self.count()).map(|place| self.cell(place)).collect()
    }

    /// A row in which only these cells are read; the others are null.
    pub(super) fn partly(self, places: &[usize]) -> Option<Row> {
        let mut row = vec![Value::Null; self.count()];
        for &place in places {
            *row.get_mut(place)? = self.cell(place)?;
        }
        Some(row)
    }
}

fn read_cell(bytes: &[u8]) -> Option<Value> {
    let (tag, body) = bytes.split_first()?;
    match (*tag, body) {
        (NULL, []) => Some(Value::Null),
        (FALSE, []) => Some(Value::Bool(false)),
        (TRUE, []) => Some(Value::Bool(true)),
        (INT, _) => Some(Value::Int(i64::from_le_bytes(number(body)?))),
        (FLOAT, _) => Some(Value::Float(f64::from_le_bytes(number(body)?))),
        (TIME, _) => Some(Value::Time(Time(i64::from_le_bytes(number(body)?)))),
        (TEXT, _) => Some(Value::Text(CompactString::from_utf8(body).ok()?)),
        (LIST, _) => read_list(body),
        (JSON, _) => Some(Value::Json(rmp_serde::from_slice(body).ok()?)),
        _ => None,
    }
}

fn number(body: &[u8]) -> Option<[u8; 8]> {
    body.try_into().ok()
}

fn read_list(mut body: &[u8]) -> Option<Value> {
    let mut values = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body.split_first_chunk::<END>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (cell, rest) = rest.split_at_checked(length)?;
        values.push(read_cell(cell)?);
        body = rest;
    }
    Some(Value::List(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn row() -> Row {
        vec![
            Value::text("t1"),
            Value::Null,
            Value::Bool(true),
            Value::Int(-7),
            Value::Float(0.1),
            Value::Time(Time(1_700_000_000_000_001)),
            Value::List(vec![Value::text("any"), Value::text(""), Value::Int(2)]),
            Value::Json(json!({ "a": [1, -2, 0.1, 1e300, null, "x", u64::MAX] })),
        ]
    }

    fn encoded(row: &[Value]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, row).unwrap();
        out
    }

    #[test]
    fn rows_read_back_whole_and_in_part() {
        let bytes = encoded(&row());
        let stored = StoredRow::new(&bytes).unwrap();
        assert_eq!(stored.row(), Some(row()));
        assert_eq!(stored.cell(3), Some(Value::Int(-7)));
        assert_eq!(stored.cell(8), None);
        let part = stored.partly(&[0, 3]).unwrap();
        assert_eq!(part.len(), row().len());
        assert_eq!(
            (&part[0], &part[3], &part[7]),
            (&row()[0], &row()[3], &Value::Null)
        );
    }

    #[test]
    fn cut_and_foreign_bytes_are_no_row() {
        let bytes = encoded(&row());
        for end in 0..bytes.len() {
            let cut = StoredRow::new(&bytes[..end]).and_then(StoredRow::row);
            assert_ne!(cut, Some(row()), "cut at {end}");
        }
        let mut foreign = bytes;
        foreign[0] = FORMAT + 1;
        assert!(StoredRow::new(&foreign).is_none());
    }

    proptest! {
        #[test]
        fn flipped_bytes_do_not_panic(at in 0_usize..200, with in any::<u8>()) {
            let mut bytes = encoded(&row());
            let at = at % bytes.len();
            bytes[at] ^= with;
            if let Some(stored) = StoredRow::new(&bytes) {
                let _ = stored.row();
            }
        }
    }
}
