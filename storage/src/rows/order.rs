//! The order of a list.

use std::cmp::Ordering;

use everlog_domain::query::{Direction, Query};
use everlog_domain::tables::TableSchema;
use everlog_domain::value::Value;

/// Which way keys are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Travel {
    /// Smallest first.
    Forwards,
    /// Largest first.
    Backwards,
}

impl Travel {
    pub(super) const fn turned(self) -> Self {
        match self {
            Self::Forwards => Self::Backwards,
            Self::Backwards => Self::Forwards,
        }
    }
}

/// The columns that rank rows, most significant first: those of the query, then the primary key
/// in the direction of the last of them. No two rows are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranking(Vec<(usize, Direction)>);

impl Ranking {
    pub(super) fn of(schema: &TableSchema, query: &Query) -> Self {
        let columns = query.order.iter();
        let columns = columns.map(|order| (order.column, order.direction));
        Self::then_key(schema, columns.collect())
    }

    /// These columns, then the primary key in the direction of the last of them.
    pub(super) fn then_key(schema: &TableSchema, columns: Vec<(usize, Direction)>) -> Self {
        let ties = columns.last().map(|(_, direction)| *direction);
        let ties = ties.unwrap_or(Direction::Ascending);
        let key = schema.key.iter().map(|column| (*column, ties));
        Self(columns.into_iter().chain(key).collect())
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(column, _)| *column)
    }

    pub(super) fn compare(&self, a: &[Value], b: &[Value]) -> Ordering {
        for &(column, direction) in &self.0 {
            let a = a.get(column).unwrap_or(&Value::Null);
            let b = b.get(column).unwrap_or(&Value::Null);
            let order = match direction {
                Direction::Ascending => a.total_cmp(b),
                Direction::Descending => b.total_cmp(a),
            };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }

    /// Whether rows that lie in the order of `stored` lie in this one, read forwards or
    /// backwards. `same` are columns in which all the rows have one value.
    pub(super) fn along(
        &self,
        schema: &TableSchema,
        stored: &Self,
        same: &dyn Fn(usize) -> bool,
    ) -> Option<Travel> {
        let wanted = self.significant(schema, same);
        let stored = stored.significant(schema, same);
        if wanted.len() != stored.len() {
            return None;
        }
        let pairs = || wanted.iter().zip(&stored);
        if !pairs().all(|(wanted, stored)| wanted.0 == stored.0) {
            return None;
        }
        if pairs().all(|(wanted, stored)| wanted.1 == stored.1) {
            return Some(Travel::Forwards);
        }
        let opposite = pairs().all(|(wanted, stored)| wanted.1 != stored.1);
        opposite.then_some(Travel::Backwards)
    }

    /// The columns that decide: each once, none in which all rows are the same, and none after
    /// the primary key is complete.
    fn significant(
        &self,
        schema: &TableSchema,
        same: &dyn Fn(usize) -> bool,
    ) -> Vec<(usize, Direction)> {
        let mut kept: Vec<(usize, Direction)> = Vec::new();
        for &(column, direction) in &self.0 {
            let known = |column: usize| same(column) || kept.iter().any(|(k, _)| *k == column);
            if schema.key.iter().all(|part| known(*part)) {
                break;
            }
            if !known(column) {
                kept.push((column, direction));
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Ascending, Descending};
    use everlog_domain::query::OrderBy;
    use everlog_domain::tables::system::{self, items, threads};

    fn by(order: &[(usize, Direction)]) -> Query {
        let order = order.iter();
        Query {
            order: order
                .map(|&(column, direction)| OrderBy { column, direction })
                .collect(),
            ..Query::default()
        }
    }

    #[test]
    fn stored_orders_serve_queries() {
        let schema = system::table(threads::TABLE).unwrap();
        let newest = Ranking::then_key(schema, vec![(threads::LAST_ITEM_AT, Descending)]);
        let primary = Ranking::then_key(schema, vec![]);
        let table = [
            (
                &newest,
                by(&[(threads::LAST_ITEM_AT, Descending)]),
                Some(Travel::Forwards),
            ),
            (
                &newest,
                by(&[(threads::LAST_ITEM_AT, Ascending)]),
                Some(Travel::Backwards),
            ),
            (&newest, by(&[(threads::NAME, Ascending)]), None),
            (&newest, by(&[]), None),
            (&primary, by(&[]), Some(Travel::Forwards)),
            (
                &primary,
                by(&[(threads::ID, Descending)]),
                Some(Travel::Backwards),
            ),
            (
                &primary,
                by(&[(threads::ID, Ascending), (threads::NAME, Descending)]),
                Some(Travel::Forwards),
            ),
        ];
        for (stored, query, expected) in table {
            let ranking = Ranking::of(schema, &query);
            assert_eq!(
                ranking.along(schema, stored, &|_| false),
                expected,
                "{query:?}"
            );
        }
    }

    #[test]
    fn columns_with_one_value_do_not_count() {
        let schema = system::table(items::TABLE).unwrap();
        let stored = Ranking::then_key(schema, vec![]);
        let wanted = Ranking::of(schema, &by(&[(items::POSITION, Descending)]));
        let fixed = |column| column == items::THREAD || column == items::INCARNATION;
        assert_eq!(
            wanted.along(schema, &stored, &fixed),
            Some(Travel::Backwards)
        );
        assert_eq!(wanted.along(schema, &stored, &|_| false), None);
    }
}
