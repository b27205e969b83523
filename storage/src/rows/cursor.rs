//! Cursors of lists: from which row on.

use everlog_domain::ports::{RowsFailure, RowsView};
use everlog_domain::query::Cursor;
use everlog_domain::tables::{Row, Uniqueness};
use everlog_domain::value::Value;

use super::entries::cells;
use super::layout;
use super::list::Listing;
use super::order::{Ranking, Travel};
use super::plan::{Path, Plan};

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

/// Reads the cursor's row. One that the caller may not see is as good as none: its id must not
/// be confirmed.
pub(super) fn side(listing: &Listing<'_>) -> Result<Option<Side>, RowsFailure> {
    let (key, side): (_, fn(Row) -> Side) = match &listing.query.cursor {
        None => return Ok(None),
        Some(Cursor::After(key)) => (key, Side::After),
        Some(Cursor::Before(key)) => (key, Side::Before),
    };
    let (project, schema) = (listing.planner.project, listing.planner.schema);
    let row = listing.view.get(project, schema.number, key)?;
    let row = row.filter(|row| listing.sees(row));
    row.map(side).map(Some).ok_or(RowsFailure::CursorNotFound)
}

/// Narrows a plan that lies in the query's order to the page's side of the cursor.
pub(super) fn narrow(
    listing: &Listing<'_>,
    plan: &Plan<'static>,
    travel: Travel,
    side: &Side,
) -> Plan<'static> {
    let key = key_on(listing, plan, side.row());
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
fn key_on(listing: &Listing<'_>, plan: &Plan<'static>, row: &[Value]) -> Vec<u8> {
    let (project, schema) = (listing.planner.project, listing.planner.schema);
    let row_key = layout::row(project, schema.number, &schema.key_of(row));
    match plan.path {
        Path::Primary | Path::Postings => row_key,
        Path::Index(index) => {
            let mut key = layout::index(project, schema.number, index);
            layout::push_indexed(&mut key, index, cells(index, row));
            if index.uniqueness == Uniqueness::Shared {
                layout::push_primary(&mut key, index, layout::primary_of(&row_key));
            }
            key
        }
    }
}
