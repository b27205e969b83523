//! Lists: every row is looked at.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use everlog_domain::access::RoleSet;
use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{Page, RowsFailure, Visibility};
use everlog_domain::query::{
    Cursor, Direction, MAX_LIMIT, MAX_PAGE_BYTES, MAX_TOTAL, Query, Total,
};
use everlog_domain::tables::{Row, TableSchema};
use everlog_domain::value::Value;

use super::State;

pub(super) fn list(
    state: &State,
    project: ProjectNumber,
    schema: &TableSchema,
    query: &Query,
    visibility: Visibility<'_>,
) -> Result<Page, RowsFailure> {
    let rows = state.rows_of(project, schema.number).map(|(_, row)| row);
    let visible: Vec<&Row> = rows.filter(|row| sees(schema, visibility, row)).collect();
    let cursor = find_cursor(schema, query, &visible)?;
    let mut rows: Vec<&Row> = visible
        .into_iter()
        .filter(|row| query.matches(row))
        .collect();
    rows.sort_by(|a, b| compare(schema, query, a, b));
    let total = match query.total {
        Total::Counted => MAX_TOTAL.min(rows.len() as u64),
        Total::Skipped => 0,
    };
    let page = cut(schema, query, rows, cursor);
    let rows: Vec<Row> = page.map(|row| select(schema, query, row)).collect();
    let bytes: usize = rows.iter().flatten().map(Value::memory_bytes).sum();
    if rows.len() > 1 && bytes > MAX_PAGE_BYTES {
        let limit = MAX_PAGE_BYTES;
        return Err(RowsFailure::PageTooLarge { limit });
    }
    Ok(Page { total, rows })
}

/// A table without readers shows nothing to roles: what it holds is authorised by its container.
fn sees(schema: &TableSchema, visibility: Visibility<'_>, row: &[Value]) -> bool {
    match visibility {
        Visibility::All => true,
        Visibility::Roles(roles) => schema
            .readers
            .is_some_and(|readers| holds_one(roles, row[readers].as_list())),
    }
}

fn holds_one(roles: &RoleSet, readers: &[Value]) -> bool {
    let held: BTreeSet<String> = roles.iter().map(ToString::to_string).collect();
    let mut readers = readers.iter().filter_map(Value::as_text);
    readers.any(|reader| held.contains(reader))
}

fn find_cursor<'a>(
    schema: &TableSchema,
    query: &Query,
    visible: &[&'a Row],
) -> Result<Option<&'a Row>, RowsFailure> {
    let Some(Cursor::After(key) | Cursor::Before(key)) = &query.cursor else {
        return Ok(None);
    };
    let mut visible = visible.iter();
    let found = visible.find(|row| schema.key_of(row) == *key);
    found.copied().map(Some).ok_or(RowsFailure::CursorNotFound)
}

fn compare(schema: &TableSchema, query: &Query, a: &[Value], b: &[Value]) -> Ordering {
    let last = query.order.last().map(|order| order.direction);
    let ties = last.unwrap_or(Direction::Ascending);
    let ordered = query
        .order
        .iter()
        .map(|order| (order.column, order.direction));
    let columns = ordered.chain(schema.key.iter().map(|column| (*column, ties)));
    let mut orders = columns.map(|(column, direction)| match direction {
        Direction::Ascending => a[column].total_cmp(&b[column]),
        Direction::Descending => b[column].total_cmp(&a[column]),
    });
    orders
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Rows of the page out of all that match, in order. Before a cursor, offset and limit count
/// backwards from it.
fn cut<'a>(
    schema: &TableSchema,
    query: &Query,
    rows: Vec<&'a Row>,
    cursor: Option<&'a Row>,
) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
    let offset = query.offset as usize;
    let limit = query.limit.min(MAX_LIMIT) as usize;
    let side = |row: &Row, cursor: &Row| compare(schema, query, row, cursor);
    match (&query.cursor, cursor) {
        (Some(Cursor::Before(_)), Some(cursor)) => {
            let mut before: Vec<&Row> = rows
                .into_iter()
                .filter(|row| side(row, cursor).is_lt())
                .collect();
            before.reverse();
            let mut page: Vec<&Row> = before.into_iter().skip(offset).take(limit).collect();
            page.reverse();
            Box::new(page.into_iter())
        }
        (_, Some(cursor)) => {
            let after: Vec<&Row> = rows
                .into_iter()
                .filter(|row| side(row, cursor).is_gt())
                .collect();
            Box::new(after.into_iter().skip(offset).take(limit))
        }
        (_, None) => Box::new(rows.into_iter().skip(offset).take(limit)),
    }
}

/// Cells that were not asked for are null; those of the primary key always stand.
fn select(schema: &TableSchema, query: &Query, row: &Row) -> Row {
    let Some(wanted) = &query.select else {
        return row.clone();
    };
    let keeps = |place: usize| wanted.contains(&place) || schema.key.contains(&place);
    let cells = row.iter().enumerate();
    cells
        .map(|(place, cell)| {
            if keeps(place) {
                cell.clone()
            } else {
                Value::Null
            }
        })
        .collect()
}
