//! Pages of bounded size. Rows are read in slices, so that a page of large rows is refused before
//! it fills the memory.

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{Page, RowsView, Visibility};
use everlog_domain::query::{Cursor, Query, Total};
use everlog_domain::tables::TableSchema;
use everlog_domain::value::Value;
use serde_json::Value as Json;

use crate::error::{ApiError, ErrorType};

/// Largest page, in bytes of its cells, roughly.
pub(crate) const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
/// Rows that are read at once.
const SLICE: u32 = 100;

/// Lists rows.
pub(super) fn list(
    view: &dyn RowsView,
    project: ProjectNumber,
    schema: &TableSchema,
    mut query: Query,
    visibility: Visibility<'_>,
) -> Result<Page, ApiError> {
    let wanted = query.limit;
    if matches!(query.cursor, Some(Cursor::Before(_))) && wanted > SLICE {
        // its slices would come from the far end
        let message = format!("cursorBefore goes with a limit of at most {SLICE}");
        return Err(ApiError::new(ErrorType::QueryInvalid, message));
    }
    query.limit = wanted.min(SLICE);
    let mut page = view.list(project, schema.number, &query, visibility)?;
    let mut bytes: usize = page.rows.iter().map(|row| row_bytes(row)).sum();
    let mut slice = page.rows.len();
    loop {
        check_bytes(bytes)?;
        let read = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
        let full = slice == usize::try_from(query.limit).unwrap_or(usize::MAX);
        let Some(last) = page.rows.last().filter(|_| full && read < wanted) else {
            return Ok(page);
        };
        query.cursor = Some(Cursor::After(schema.key_of(last)));
        query.limit = (wanted - read).min(SLICE);
        query.offset = 0;
        query.total = Total::Skipped;
        let more = view.list(project, schema.number, &query, visibility)?;
        slice = more.rows.len();
        bytes += more.rows.iter().map(|row| row_bytes(row)).sum::<usize>();
        page.rows.extend(more.rows);
    }
}

/// Refuses a page that has grown too large.
pub(super) fn check_bytes(bytes: usize) -> Result<(), ApiError> {
    if bytes <= MAX_PAGE_BYTES {
        return Ok(());
    }
    let message = format!("the page has more than {MAX_PAGE_BYTES} bytes: ask for fewer rows");
    Err(ApiError::new(ErrorType::QueryTooExpensive, message))
}

/// Bytes of a row's cells, roughly.
pub(super) fn row_bytes(row: &[Value]) -> usize {
    row.iter().map(value_bytes).sum()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => 8,
        Value::Text(text) => text.len(),
        Value::List(values) => values.iter().map(value_bytes).sum(),
        Value::Json(json) => json_bytes(json),
    }
}

fn json_bytes(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => 8,
        Json::String(text) => text.len(),
        Json::Array(values) => values.iter().map(json_bytes).sum(),
        Json::Object(map) => map
            .iter()
            .map(|(name, value)| name.len() + json_bytes(value))
            .sum(),
    }
}
