//! What a query string says of a page that goes by cursor.

use everlog_domain::ids::Offset;

use super::edge::Edge;
use super::visitor::Visitor;
use crate::error::{ApiError, ErrorType};

/// Entries of a page unless the request says otherwise.
const DEFAULT_LIMIT: usize = 25;
/// Most entries of a page.
const MAX_LIMIT: usize = 100;

/// The parameter of a name.
pub(super) fn parameter(query: Option<&str>, wanted: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let found = pairs.find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.into_owned())
}

/// The place that `cursor` names, if it is given.
pub(super) fn cursor(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
) -> Result<Option<Offset>, ApiError> {
    let Some(text) = parameter(query, "cursor") else {
        return Ok(None);
    };
    let decoded = edge.cursors.decode(visitor.caller().project, &text);
    decoded.map(Some).ok_or_else(|| {
        let message = "cursor: expected the cursor of an entry, or of an earlier page";
        ApiError::new(ErrorType::CursorInvalid, message)
    })
}

/// Entries of the page.
pub(super) fn limit(query: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = parameter(query, "limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let number = text.parse().ok();
    number
        .filter(|number| (1..=MAX_LIMIT).contains(number))
        .ok_or_else(|| {
            ApiError::argument("limit", format!("expected a number from 1 to {MAX_LIMIT}"))
        })
}
