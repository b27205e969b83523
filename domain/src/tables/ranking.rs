//! The order of a query's rows.

use std::cmp::Ordering;

use super::TableSchema;
use crate::query::{Comparison, Cursor, Direction, Filter, OrderBy, Query};
use crate::value::Value;

/// The columns that decide where a row stands in a query's answer: those of its order, then those
/// of the primary key, in the direction of the last order.
#[derive(Debug, Clone)]
pub struct Ranked(Vec<OrderBy>);

impl Ranked {
    /// Of a query over a table. The page before a cursor is the page after it the other way round.
    #[must_use]
    pub fn of(schema: &TableSchema, query: &Query) -> Self {
        let last = query.order.last().map(|order| order.direction);
        let ties = last.unwrap_or(Direction::Ascending);
        let key = schema.key.iter().map(|&column| OrderBy {
            column,
            direction: ties,
        });
        let mut columns: Vec<OrderBy> = query.order.iter().copied().chain(key).collect();
        if matches!(query.cursor, Some(Cursor::Before(_))) {
            for order in &mut columns {
                order.direction = turned(order.direction);
            }
        }
        Self(columns)
    }

    /// As an order of its own.
    #[must_use]
    pub fn order(&self) -> Vec<OrderBy> {
        self.0.clone()
    }

    /// Which of two rows comes first.
    #[must_use]
    pub fn compare(&self, a: &[Value], b: &[Value]) -> Ordering {
        let mut orders = self.0.iter().map(|order| {
            let [a, b] = [a, b].map(|row| row.get(order.column).unwrap_or(&Value::Null));
            match order.direction {
                Direction::Ascending => a.total_cmp(b),
                Direction::Descending => b.total_cmp(a),
            }
        });
        orders
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// What rows meet that come after this one, for a row that is not where the cursor of an engine
    /// would look for it.
    #[must_use]
    pub fn after(&self, row: &[Value]) -> Filter {
        let mut equal: Vec<Filter> = Vec::new();
        let mut sides = Vec::new();
        for order in &self.0 {
            let cell = row.get(order.column).unwrap_or(&Value::Null);
            if let Some(beyond) = beyond(*order, cell) {
                let mut all = equal.clone();
                all.push(beyond);
                sides.push(Filter::And(all));
            }
            equal.push(match cell {
                Value::Null => bare(order.column, Comparison::IsNull),
                cell => Filter::equal(order.column, cell.clone()),
            });
        }
        Filter::Or(sides)
    }
}

const fn turned(direction: Direction) -> Direction {
    match direction {
        Direction::Ascending => Direction::Descending,
        Direction::Descending => Direction::Ascending,
    }
}

/// What cells meet that come after this one; nothing if none does. Null comes before everything.
fn beyond(order: OrderBy, cell: &Value) -> Option<Filter> {
    let compare = |comparison| Filter::Compare {
        column: order.column,
        comparison,
        values: vec![cell.clone()],
    };
    match (order.direction, cell.is_null()) {
        (Direction::Ascending, true) => Some(bare(order.column, Comparison::IsNotNull)),
        (Direction::Ascending, false) => Some(compare(Comparison::Greater)),
        (Direction::Descending, true) => None,
        (Direction::Descending, false) => Some(Filter::Or(vec![
            compare(Comparison::Less),
            bare(order.column, Comparison::IsNull),
        ])),
    }
}

const fn bare(column: usize, comparison: Comparison) -> Filter {
    Filter::Compare {
        column,
        comparison,
        values: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::system::{self, threads};

    #[test]
    fn the_filter_after_a_row_says_what_the_order_says() {
        let schema = system::table(threads::TABLE).unwrap();
        let names = [None, Some("a"), Some("b")];
        let rows: Vec<Vec<Value>> = names
            .iter()
            .flat_map(|name| ["x", "y"].map(|id| (id, *name)))
            .map(|(id, name)| {
                let mut row = vec![Value::Null; threads::READERS + 1];
                row[threads::ID] = id.into();
                row[threads::NAME] = name.into();
                row
            })
            .collect();
        for direction in [Direction::Ascending, Direction::Descending] {
            for cursor in [Cursor::After(Vec::new()), Cursor::Before(Vec::new())] {
                let query = Query {
                    order: vec![OrderBy {
                        column: threads::NAME,
                        direction,
                    }],
                    cursor: Some(cursor),
                    ..Query::default()
                };
                let ranked = Ranked::of(schema, &query);
                for a in &rows {
                    for b in &rows {
                        let after = ranked.compare(b, a).is_gt();
                        assert_eq!(ranked.after(a).matches(b), after, "{a:?} {b:?}");
                    }
                }
            }
        }
    }
}
