//! Lists of a fork's items, in the one query language.

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{Page, RowsFailure, RowsView};
use everlog_domain::query::{
    Cursor, Direction, Filter, MAX_LIMIT, MAX_PAGE_BYTES, MAX_TOTAL, Query, Total,
};
use everlog_domain::tables::system::{self, items};
use everlog_domain::tables::{Ranked, Row, TableSchema};
use everlog_domain::value::Value;

use super::ancestors::{Ancestors, position_of};
use super::walk::Walk;

/// A list of a fork's items.
pub(super) struct List<'a> {
    pub(super) view: &'a dyn RowsView,
    pub(super) project: ProjectNumber,
    pub(super) ancestors: &'a Ancestors,
    pub(super) query: &'a Query,
    /// The row that the query's cursor names.
    pub(super) cursor: Option<Row>,
}

impl List<'_> {
    /// The page that the query asks for.
    pub(super) fn page(&self) -> Result<Page, RowsFailure> {
        let mut rows = match self.along_positions() {
            Some(direction) => self.ordered(direction)?,
            None => self.sorted()?,
        };
        if self.goes_back() {
            rows.reverse();
        }
        Ok(Page {
            total: self.total()?,
            rows,
        })
    }

    fn goes_back(&self) -> bool {
        matches!(self.query.cursor, Some(Cursor::Before(_)))
    }

    /// The direction in which positions lie in the query's order, if they do. A thread's items have
    /// one thread and one life.
    fn along_positions(&self) -> Option<Direction> {
        let mut orders = self.query.order.iter();
        let said =
            orders.find(|order| ![items::THREAD, items::INCARNATION].contains(&order.column));
        match said {
            None => Some(
                self.query
                    .order
                    .last()
                    .map_or(Direction::Ascending, |last| last.direction),
            ),
            Some(order) if order.column == items::POSITION => Some(order.direction),
            Some(_) => None,
        }
    }

    /// Reads until the page is full.
    fn ordered(&self, direction: Direction) -> Result<Vec<Row>, RowsFailure> {
        let direction = match (direction, self.goes_back()) {
            (direction, false) => direction,
            (Direction::Ascending, true) => Direction::Descending,
            (Direction::Descending, true) => Direction::Ascending,
        };
        let beyond = self.cursor.as_deref().map(position_of);
        let mut walk = Walk::begin(self.view, self.project, self.ancestors, direction, beyond);
        let mut page = Rows::default();
        let mut skip = self.query.offset;
        while page.rows.len() < self.wanted() {
            let Some(row) = walk.next()? else { break };
            if !self.query.matches(&row) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            page.push(row)?;
        }
        Ok(page.rows)
    }

    /// Looks at all rows, and keeps the best.
    fn sorted(&self) -> Result<Vec<Row>, RowsFailure> {
        let ranked = Ranked::of(schema()?, self.query);
        let keep = usize::try_from(self.query.offset).unwrap_or(usize::MAX) + self.wanted();
        let up = Direction::Ascending;
        let mut walk = Walk::begin(self.view, self.project, self.ancestors, up, None);
        let mut best: Vec<Row> = Vec::new();
        while let Some(row) = walk.next()? {
            let beyond = self.cursor.as_deref();
            let beyond = beyond.is_none_or(|cursor| ranked.compare(&row, cursor).is_gt());
            if beyond && self.query.matches(&row) {
                let place = best.partition_point(|other| ranked.compare(other, &row).is_le());
                if place < keep {
                    best.insert(place, row);
                    best.truncate(keep);
                }
            }
        }
        let mut page = Rows::default();
        let skip = usize::try_from(self.query.offset).unwrap_or(usize::MAX);
        for row in best.into_iter().skip(skip) {
            page.push(row)?;
        }
        Ok(page.rows)
    }

    /// All that match, wherever the page is.
    fn total(&self) -> Result<u64, RowsFailure> {
        if self.query.total == Total::Skipped {
            return Ok(0);
        }
        let up = Direction::Ascending;
        let mut columns = Vec::new();
        filtered(&self.query.filters, &mut columns);
        let walk = Walk::begin(self.view, self.project, self.ancestors, up, None);
        let mut walk = walk.selecting(columns);
        let mut total = 0;
        while let Some(row) = walk.next()? {
            total += u64::from(self.query.matches(&row));
            if total == MAX_TOTAL {
                break;
            }
        }
        Ok(total)
    }

    fn wanted(&self) -> usize {
        usize::try_from(self.query.limit.min(MAX_LIMIT)).unwrap_or(usize::MAX)
    }
}

/// The rows of a page, which must not grow without a bound. The first always fits.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    bytes: usize,
}

impl Rows {
    fn push(&mut self, row: Row) -> Result<(), RowsFailure> {
        self.bytes += row.iter().map(Value::memory_bytes).sum::<usize>();
        if !self.rows.is_empty() && self.bytes > MAX_PAGE_BYTES {
            let limit = MAX_PAGE_BYTES;
            return Err(RowsFailure::PageTooLarge { limit });
        }
        self.rows.push(row);
        Ok(())
    }
}

fn filtered(filters: &[Filter], columns: &mut Vec<usize>) {
    for filter in filters {
        match filter {
            Filter::And(filters) | Filter::Or(filters) => filtered(filters, columns),
            Filter::Compare { column, .. } => columns.push(*column),
        }
    }
}

fn schema() -> Result<&'static TableSchema, RowsFailure> {
    system::table(items::TABLE).ok_or_else(|| RowsFailure::Engine {
        reason: "there is no table of items".to_owned(),
    })
}
