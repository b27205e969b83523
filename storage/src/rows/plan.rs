//! Which keys a list reads.

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::RowsFailure;
use everlog_domain::query::{Direction, Query};
use everlog_domain::tables::{Index, TableSchema, Uniqueness};
use everlog_domain::value::Value;

use super::conditions::Conditions;
use super::layout;
use super::order::{Ranking, Travel};
use super::range::KeyRange;
use super::value_key;

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'s> {
    /// Rows, in order of the primary key.
    Primary,
    /// An index, and from there the rows.
    Index(&'s Index),
    /// What the caller's roles may read, in order of the primary key.
    Postings,
}

/// A way to all rows that a query can answer with.
#[derive(Debug, Clone)]
pub(super) struct Plan<'s> {
    pub(super) path: Path<'s>,
    /// The keys of the path; of all postings, the range of the primary key.
    pub(super) range: KeyRange,
    /// How many leading columns have one value.
    pub(super) fixed: usize,
    /// Whether the column after them is bounded.
    bounded: bool,
    /// The way to read that gives the query's order, if there is one.
    pub(super) in_order: Option<Travel>,
}

/// Chooses plans for one query.
pub(super) struct Planner<'a> {
    pub(super) project: ProjectNumber,
    pub(super) schema: &'static TableSchema,
    pub(super) ranking: &'a Ranking,
    conditions: Conditions<'a>,
    leaves_out: LeavesOut<'a>,
}

/// Whether a unique index leaves out rows because others hold their keys.
pub(super) type LeavesOut<'a> = &'a dyn Fn(&Index) -> Result<bool, RowsFailure>;

impl<'a> Planner<'a> {
    pub(super) fn new(
        project: ProjectNumber,
        schema: &'static TableSchema,
        query: &'a Query,
        ranking: &'a Ranking,
        leaves_out: LeavesOut<'a>,
    ) -> Self {
        Self {
            project,
            schema,
            ranking,
            conditions: Conditions::of(schema, &query.filters),
            leaves_out,
        }
    }

    /// The narrowest plan; of equals, one in the query's order, then one that needs no index.
    pub(super) fn narrowest(&self) -> Result<Plan<'static>, RowsFailure> {
        self.best(|plan| (plan.fixed, plan.bounded, plan.in_order.is_some()))
    }

    fn best<K: Ord>(
        &self,
        rank: impl Fn(&Plan<'static>) -> K,
    ) -> Result<Plan<'static>, RowsFailure> {
        let mut best = self.primary();
        for index in &self.schema.indexes {
            let Some(plan) = self.index(index) else {
                continue;
            };
            if rank(&plan) > rank(&best) && self.is_complete(index)? {
                best = plan;
            }
        }
        Ok(best)
    }

    /// What the caller's roles may read.
    pub(super) fn postings(&self) -> Plan<'static> {
        Plan {
            path: Path::Postings,
            ..self.primary()
        }
    }

    /// Whether a row agrees with every column of which the conditions name the one value. A
    /// cursor that does not cannot be found by its key.
    pub(super) fn agrees(&self, row: &[Value]) -> bool {
        let mut cells = row.iter().enumerate();
        cells.all(|(column, cell)| {
            let value = self.conditions.equal(column);
            value.is_none_or(|value| value.total_cmp(cell).is_eq())
        })
    }

    fn primary(&self) -> Plan<'static> {
        let columns = self.schema.key.iter();
        let columns: Vec<_> = columns.map(|key| (*key, Direction::Ascending)).collect();
        let start = layout::table(self.project, self.schema.number);
        let stored = Ranking::then_key(self.schema, Vec::new());
        self.plan(Path::Primary, start, &columns, &stored)
    }

    fn index(&self, index: &'static Index) -> Option<Plan<'static>> {
        let start = layout::index(self.project, self.schema.number, index);
        let stored = Ranking::then_key(self.schema, index.columns.clone());
        let plan = self.plan(Path::Index(index), start, &index.columns, &stored);
        match index.uniqueness {
            Uniqueness::Shared | Uniqueness::Unique => Some(plan),
            Uniqueness::Decided => {
                let range = self.found(index)?;
                Some(Plan { range, ..plan })
            }
        }
    }

    /// An index that orders nothing leads to a row only where each of its columns has one value.
    fn found(&self, index: &Index) -> Option<KeyRange> {
        let columns = index.columns.iter();
        let values = columns.map(|(column, _)| self.conditions.equal(*column));
        let values: Vec<&Value> = values.collect::<Option<_>>()?;
        let key = layout::indexed(self.project, self.schema.number, index, values);
        Some(KeyRange::under(key))
    }

    fn plan(
        &self,
        path: Path<'static>,
        start: Vec<u8>,
        columns: &[(usize, Direction)],
        stored: &Ranking,
    ) -> Plan<'static> {
        let mut prefix = start;
        let mut fixed = 0;
        for (column, direction) in columns {
            let Some(value) = self.conditions.equal(*column) else {
                break;
            };
            value_key::write(&mut prefix, value, *direction);
            fixed += 1;
        }
        let mut range = KeyRange::under(prefix.clone());
        let mut bounded = false;
        if let Some((column, direction)) = columns.get(fixed) {
            (range, bounded) = self.conditions.narrow(&prefix, *column, *direction, range);
        }
        let same = |column| self.conditions.equal(column).is_some();
        Plan {
            path,
            range,
            fixed,
            bounded,
            in_order: self.ranking.along(self.schema, stored, &same),
        }
    }

    /// Whether an index leads to every row that can be in the answer: a unique one leaves out
    /// rows with a null in its first column, and those that clash with others.
    fn is_complete(&self, index: &Index) -> Result<bool, RowsFailure> {
        if index.uniqueness == Uniqueness::Shared {
            return Ok(true);
        }
        let first = index.columns.first();
        let excluded = first.is_some_and(|(column, _)| self.conditions.exclude_null(*column));
        Ok(excluded && !(self.leaves_out)(index)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::query::{Comparison, Filter, OrderBy};
    use everlog_domain::tables::system::{self, items, threads, users};
    use everlog_domain::tables::{TableNumber, TableSchema};

    fn plan(table: TableNumber, order: Option<usize>, filters: Vec<Filter>) -> Plan<'static> {
        let schema: &'static TableSchema = system::table(table).unwrap();
        let direction = Direction::Descending;
        let order = order.map(|column| OrderBy { column, direction });
        let query = Query {
            filters,
            order: order.into_iter().collect(),
            ..Query::default()
        };
        let ranking = Ranking::of(schema, &query);
        let planner = Planner::new(ProjectNumber(1), schema, &query, &ranking, &|_| Ok(false));
        planner.narrowest().unwrap()
    }

    fn index_of(plan: &Plan<'_>) -> Option<u16> {
        match plan.path {
            Path::Index(index) => Some(index.number),
            Path::Primary | Path::Postings => None,
        }
    }

    fn not_null(column: usize) -> Filter {
        Filter::Compare {
            column,
            comparison: Comparison::IsNotNull,
            values: vec![],
        }
    }

    #[test]
    fn a_unique_index_serves_an_order_only_without_nulls() {
        let open = plan(users::TABLE, Some(users::EMAIL), vec![]);
        assert_eq!((index_of(&open), open.in_order), (None, None));
        let closed = plan(
            users::TABLE,
            Some(users::EMAIL),
            vec![not_null(users::EMAIL)],
        );
        assert_eq!(index_of(&closed), Some(users::BY_EMAIL));
        assert_eq!(closed.in_order, Some(Travel::Backwards));
    }

    #[test]
    fn equalities_are_narrower_than_orders() {
        let named = Filter::equal(threads::NAME, "red");
        let plan_of = |filters| plan(threads::TABLE, Some(threads::LAST_ITEM_AT), filters);
        let newest = plan_of(vec![]);
        assert_eq!(
            (index_of(&newest), newest.in_order),
            (Some(2), Some(Travel::Forwards))
        );
        let red = plan_of(vec![named.clone()]);
        assert_eq!(
            (index_of(&red), red.fixed, red.in_order),
            (Some(3), 1, None)
        );
        let either = plan_of(vec![Filter::Or(vec![named])]);
        assert_eq!((index_of(&either), either.fixed), (Some(2), 0));
    }

    fn life() -> Vec<Filter> {
        vec![
            Filter::equal(items::THREAD, "t"),
            Filter::Compare {
                column: items::INCARNATION,
                comparison: Comparison::Equal,
                values: vec![Value::Int(1)],
            },
        ]
    }

    #[test]
    fn a_decided_index_finds_a_row_and_orders_none() {
        let by_id = plan(items::TABLE, Some(items::ID), life());
        assert_eq!((index_of(&by_id), by_id.in_order), (None, None));
        let mut filters = life();
        filters.push(Filter::equal(items::ID, "i"));
        let found = plan(items::TABLE, Some(items::POSITION), filters);
        assert_eq!((index_of(&found), found.fixed), (Some(items::BY_ID), 3));
    }

    #[test]
    fn the_items_of_a_thread_are_read_from_its_end() {
        let newest = plan(items::TABLE, Some(items::POSITION), life());
        assert_eq!((index_of(&newest), newest.fixed), (None, 2));
        assert_eq!(newest.in_order, Some(Travel::Backwards));
    }
}
