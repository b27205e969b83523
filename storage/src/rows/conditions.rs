//! What the filters of a query say about where its rows can lie. Keys may be taken from here,
//! never answers: every row is put to the filters all the same.

use everlog_domain::query::{Comparison, Direction, Filter};
use everlog_domain::tables::{ColumnType, TableSchema};
use everlog_domain::value::Value;

use super::range::{KeyRange, after_all_under};
use super::value_key;

/// One comparison that every row must pass.
struct Condition<'q> {
    column: usize,
    comparison: Comparison,
    values: &'q [Value],
}

/// The comparisons that every row must pass, of columns that can be in a key.
pub(super) struct Conditions<'q> {
    all: Vec<Condition<'q>>,
}

impl<'q> Conditions<'q> {
    pub(super) fn of(schema: &TableSchema, filters: &'q [Filter]) -> Self {
        let mut all = Vec::new();
        collect(filters, &mut all);
        all.retain(|condition| is_scalar(schema, condition.column));
        Self { all }
    }

    /// The one value that a column must have.
    pub(super) fn equal(&self, column: usize) -> Option<&'q Value> {
        let mut of_column = self.of_column(column);
        of_column.find_map(|condition| match (condition.comparison, condition.values) {
            (Comparison::Equal, [value]) => Some(value),
            _ => None,
        })
    }

    /// Whether rows with a null in the column are out of the question.
    pub(super) fn exclude_null(&self, column: usize) -> bool {
        let mut of_column = self.of_column(column);
        of_column.any(|condition| condition.comparison != Comparison::IsNull)
    }

    fn of_column(&self, column: usize) -> impl Iterator<Item = &Condition<'q>> {
        let all = self.all.iter();
        all.filter(move |condition| condition.column == column)
    }

    /// Narrows a range of keys, in which a value of `column` comes after `prefix`. Answers
    /// whether anything was said about the column.
    pub(super) fn narrow(
        &self,
        prefix: &[u8],
        column: usize,
        direction: Direction,
        mut range: KeyRange,
    ) -> (KeyRange, bool) {
        let mut said = false;
        for condition in self.of_column(column) {
            for side in sides(condition) {
                range = side.narrow(prefix, direction, range);
                said = true;
            }
        }
        (range, said)
    }
}

fn collect<'q>(filters: &'q [Filter], all: &mut Vec<Condition<'q>>) {
    for filter in filters {
        match filter {
            Filter::And(filters) => collect(filters, all),
            Filter::Or(_) => {}
            Filter::Compare {
                column,
                comparison,
                values,
            } => all.push(Condition {
                column: *column,
                comparison: *comparison,
                values,
            }),
        }
    }
}

/// Comparisons with a list speak of its members, and JSON is in no key.
fn is_scalar(schema: &TableSchema, column: usize) -> bool {
    let kind = schema.columns.get(column).map(|column| column.kind);
    kind.is_some_and(|kind| !matches!(kind, ColumnType::TextList | ColumnType::Json))
}

/// One end of a stretch of values.
enum Side<'q> {
    Above(&'q Value),
    From(&'q Value),
    Below(&'q Value),
    UpTo(&'q Value),
    Beginning(&'q str),
}

fn sides<'q>(condition: &Condition<'q>) -> Vec<Side<'q>> {
    match (condition.comparison, condition.values) {
        (Comparison::Less, [value, ..]) => vec![Side::Below(value)],
        (Comparison::LessOrEqual, [value, ..]) => vec![Side::UpTo(value)],
        (Comparison::Greater, [value, ..]) => vec![Side::Above(value)],
        (Comparison::GreaterOrEqual, [value, ..]) => vec![Side::From(value)],
        (Comparison::Between, [low, high]) => vec![Side::From(low), Side::UpTo(high)],
        (Comparison::StartsWith, [Value::Text(text)]) => vec![Side::Beginning(text)],
        _ => Vec::new(),
    }
}

impl Side<'_> {
    fn narrow(&self, prefix: &[u8], direction: Direction, range: KeyRange) -> KeyRange {
        use Direction::{Ascending, Descending};
        let key = self.key(prefix, direction);
        match (self, direction) {
            (Self::Above(_), Ascending) | (Self::Below(_), Descending) => {
                match after_all_under(&key) {
                    Some(start) => range.starting(start),
                    None => range,
                }
            }
            (Self::From(_), Ascending) | (Self::UpTo(_), Descending) => range.starting(key),
            (Self::Below(_), Ascending) | (Self::Above(_), Descending) => range.ending(Some(key)),
            (Self::UpTo(_), Ascending) | (Self::From(_), Descending) => {
                range.ending(after_all_under(&key))
            }
            (Self::Beginning(_), _) => {
                let end = after_all_under(&key);
                range.starting(key).ending(end)
            }
        }
    }

    fn key(&self, prefix: &[u8], direction: Direction) -> Vec<u8> {
        let mut key = prefix.to_vec();
        match self {
            Self::Above(value) | Self::From(value) | Self::Below(value) | Self::UpTo(value) => {
                value_key::write(&mut key, value, direction);
            }
            Self::Beginning(text) => value_key::write_beginning(&mut key, text, direction),
        }
        key
    }
}
