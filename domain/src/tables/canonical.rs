//! The canonical text of a row, by which two projections of one log are compared.

use serde_json::{Number, Value as Json};

use super::TableSchema;
use crate::value::Value;

/// A row as one line of JSON text `[table, cells]`. Times stand as microseconds, so that nothing
/// is rounded away.
#[must_use]
pub fn canonical_line(schema: &TableSchema, row: &[Value]) -> String {
    let cells = row.iter().map(canonical).collect();
    Json::Array(vec![Json::from(schema.name), Json::Array(cells)]).to_string()
}

fn canonical(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Int(int) => Json::from(*int),
        Value::Float(float) => {
            // NaN and the infinities have no JSON form; they do not get past the edge.
            Number::from_f64(*float).map_or_else(|| Json::from(float.to_string()), Json::Number)
        }
        Value::Text(text) => Json::from(text.as_str()),
        Value::Time(time) => Json::from(time.0),
        Value::List(values) => Json::Array(values.iter().map(canonical).collect()),
        Value::Json(json) => json.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::system;
    use crate::time::Time;

    #[test]
    fn a_line_has_the_table_and_every_cell() {
        let schema = system::table(system::threads::TABLE).unwrap();
        let row = [
            Value::text("t\n"),
            Value::Int(-1),
            Value::Time(Time(1_000_001)),
            Value::Null,
            Value::Bool(true),
            Value::Float(1.5),
            Value::Json(serde_json::json!({ "a": 1 })),
            Value::List(vec![Value::text("x")]),
        ];
        let expected = r#"["threads",["t\n",-1,1000001,null,true,1.5,{"a":1},["x"]]]"#;
        assert_eq!(canonical_line(schema, &row), expected);
    }
}
