//! Cursors of lists: from which row on.

use everlog_domain::ports::RowsFailure;
use everlog_domain::query::Cursor;
use everlog_domain::tables::Row;
use everlog_domain::value::Value;

use super::entries::cells;
use super::layout;
use super::order::{Ranking, Travel};
use super::plan::{Path, Plan, Planner};

/// The row that the cursor names, and the side of it on which the page lies.
pub(super) enum Side {
    After(Row),
    Before(Row),
}

impl Side {
    pub(super) fn row(&self) -> &[Value] {
        match self {
            Self::After(row) | Self::Before(row) => row,
        }
    }

    /// Whether a row lies on the page's side.
    pub(super) fn admits(&self, ranking: &Ranking, row: &[Value]) -> bool {
        match self {
            Self::After(cursor) => ranking.compare(row, cursor).is_gt(),
            Self::Before(cursor) => ranking.compare(row, cursor).is_lt(),
        }
    }
}

/// Reads the cursor's row, if there is a cursor.
pub(super) fn side(
    cursor: Option<&Cursor>,
    read: impl FnOnce(&[Value]) -> Result<Option<Row>, RowsFailure>,
) -> Result<Option<Side>, RowsFailure> {
    let (key, side): (_, fn(Row) -> Side) = match cursor {
        None => return Ok(None),
        Some(Cursor::After(key)) => (key, Side::After),
        Some(Cursor::Before(key)) => (key, Side::Before),
    };
    let row = read(key)?;
    row.map(side).map(Some).ok_or(RowsFailure::CursorNotFound)
}

/// Narrows a plan that lies in the query's order to the page's side of the cursor.
pub(super) fn narrow(
    planner: &Planner<'_>,
    plan: &Plan<'static>,
    travel: Travel,
    side: &Side,
) -> Plan<'static> {
    let key = key_on(planner, plan, side.row());
    let mut plan = plan.clone();
    let above = matches!(
        (side, travel),
        (Side::After(_), Travel::Forwards) | (Side::Before(_), Travel::Backwards)
    );
    plan.range = if above {
        plan.range.after(&key)
    } else {
        plan.range.ending(Some(key))
    };
    plan
}

/// Where a row lies on the path of a plan.
fn key_on(planner: &Planner<'_>, plan: &Plan<'static>, row: &[Value]) -> Vec<u8> {
    let (project, schema) = (planner.project, planner.schema);
    let row_key = layout::row_of(project, schema, row);
    match plan.path {
        Path::Primary | Path::Postings => row_key,
        Path::Index(index) => {
            let primary = layout::primary_of(&row_key);
            layout::index_entry(project, schema.number, index, cells(index, row), primary)
        }
    }
}
