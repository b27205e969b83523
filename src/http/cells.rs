//! Cells of rows as the wire has them.

use everlog_domain::time::Time;
use everlog_domain::value::Value;
use serde_json::Value as Json;

/// The cell at a place; null where the row is shorter.
pub(super) fn cell(row: &[Value], place: usize) -> &Value {
    row.get(place).unwrap_or(&Value::Null)
}

/// Text; empty where there is none.
pub(super) fn text(row: &[Value], place: usize) -> String {
    cell(row, place).as_text().unwrap_or_default().to_owned()
}

/// The texts of a list.
pub(super) fn texts(row: &[Value], place: usize) -> impl Iterator<Item = &str> {
    let values = cell(row, place).as_list();
    values.iter().filter_map(Value::as_text)
}

/// A moment as text; 1970 where there is none.
pub(super) fn time(row: &[Value], place: usize) -> String {
    cell(row, place).as_time().unwrap_or(Time(0)).to_string()
}

/// JSON; null where there is none.
pub(super) fn json(row: &[Value], place: usize) -> &Json {
    match cell(row, place) {
        Value::Json(json) => json,
        _ => &Json::Null,
    }
}
