//! Filters, and what they say of a row.

use std::cmp::Ordering;

use crate::value::Value;

/// How a cell is compared with the filter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Is one of the values. On a list: contains one of them.
    Equal,
    /// Is none of the values.
    NotEqual,
    /// Is below the value.
    Less,
    /// Is the value or below.
    LessOrEqual,
    /// Is above the value.
    Greater,
    /// Is the value or above.
    GreaterOrEqual,
    /// Lies between the two values, both included.
    Between,
    /// Text that begins with the value.
    StartsWith,
    /// Text that ends with the value.
    EndsWith,
    /// Text that holds one of the values; a list that has one of them.
    Contains,
    /// Text that holds none of the values; a list that has none of them.
    NotContains,
    /// Is empty.
    IsNull,
    /// Is not empty.
    IsNotNull,
}

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// One column against values of its type.
    Compare {
        /// The column's place in the table.
        column: usize,
        /// How.
        comparison: Comparison,
        /// With what.
        values: Vec<Value>,
    },
    /// All of them.
    And(Vec<Filter>),
    /// At least one of them.
    Or(Vec<Filter>),
}

impl Filter {
    /// Equality with one value.
    #[must_use]
    pub fn equal(column: usize, value: impl Into<Value>) -> Self {
        Self::Compare {
            column,
            comparison: Comparison::Equal,
            values: vec![value.into()],
        }
    }

    /// Whether the row meets the condition. A null cell meets only `IsNull` and, as in Appwrite,
    /// neither equality nor its opposite.
    #[must_use]
    pub fn matches(&self, row: &[Value]) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.matches(row)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches(row)),
            Self::Compare {
                column,
                comparison,
                values,
            } => {
                let cell = row.get(*column).unwrap_or(&Value::Null);
                compare(cell, *comparison, values)
            }
        }
    }
}

fn compare(cell: &Value, comparison: Comparison, values: &[Value]) -> bool {
    match comparison {
        Comparison::IsNull => return cell.is_null(),
        Comparison::IsNotNull => return !cell.is_null(),
        _ if cell.is_null() => return false,
        _ => {}
    }
    let order = |value: &Value| cell.total_cmp(value);
    let first = |test: fn(Ordering) -> bool| values.first().is_some_and(|value| test(order(value)));
    match comparison {
        Comparison::Equal => values.iter().any(|value| equals(cell, value)),
        Comparison::NotEqual => !values.iter().any(|value| equals(cell, value)),
        Comparison::Less => first(Ordering::is_lt),
        Comparison::LessOrEqual => first(Ordering::is_le),
        Comparison::Greater => first(Ordering::is_gt),
        Comparison::GreaterOrEqual => first(Ordering::is_ge),
        Comparison::Between => match values {
            [low, high] => order(low).is_ge() && order(high).is_le(),
            _ => false,
        },
        Comparison::StartsWith => text_test(cell, values, |text, part| text.starts_with(part)),
        Comparison::EndsWith => text_test(cell, values, |text, part| text.ends_with(part)),
        Comparison::Contains => contains(cell, values),
        Comparison::NotContains => !contains(cell, values),
        Comparison::IsNull | Comparison::IsNotNull => false,
    }
}

fn equals(cell: &Value, value: &Value) -> bool {
    match cell {
        Value::List(cells) if !matches!(value, Value::List(_)) => cells.contains(value),
        _ => cell.total_cmp(value).is_eq(),
    }
}

fn contains(cell: &Value, values: &[Value]) -> bool {
    match cell {
        Value::List(cells) => values.iter().any(|value| cells.contains(value)),
        _ => text_test(cell, values, |text, part| text.contains(part)),
    }
}

fn text_test(cell: &Value, values: &[Value], test: fn(&str, &str) -> bool) -> bool {
    let Some(text) = cell.as_text() else {
        return false;
    };
    values
        .iter()
        .filter_map(Value::as_text)
        .any(|part| test(text, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Vec<Value> {
        vec![
            Value::text("sea"),
            Value::Int(7),
            Value::Null,
            Value::List(vec![Value::text("a"), Value::text("b")]),
        ]
    }

    #[test]
    fn comparisons() {
        use Comparison as C;
        let text = |t: &str| vec![Value::text(t)];
        let table = [
            (0, C::Equal, text("sea"), true),
            (
                0,
                C::Equal,
                vec![Value::text("x"), Value::text("sea")],
                true,
            ),
            (0, C::Equal, text("se"), false),
            (0, C::NotEqual, text("sea"), false),
            (0, C::StartsWith, text("se"), true),
            (0, C::EndsWith, text("se"), false),
            (0, C::Contains, text("e"), true),
            (0, C::NotContains, text("e"), false),
            (1, C::Less, vec![Value::Int(7)], false),
            (1, C::LessOrEqual, vec![Value::Int(7)], true),
            (1, C::Greater, vec![Value::Int(6)], true),
            (1, C::Between, vec![Value::Int(7), Value::Int(9)], true),
            (1, C::Between, vec![Value::Int(8), Value::Int(9)], false),
            (1, C::Between, vec![Value::Int(7)], false),
            (2, C::IsNull, vec![], true),
            (2, C::IsNotNull, vec![], false),
            (2, C::Equal, text("x"), false),
            (2, C::NotEqual, text("x"), false),
            (3, C::Contains, text("b"), true),
            (3, C::NotContains, text("b"), false),
            (3, C::Equal, text("a"), true),
            (9, C::Equal, text("a"), false),
        ];
        for (column, comparison, values, expected) in table {
            let filter = Filter::Compare {
                column,
                comparison,
                values,
            };
            assert_eq!(filter.matches(&row()), expected, "{filter:?}");
        }
    }
}
