//! Readings of the past: `at` on the reads of threads and items.

use everlog_domain::access::Caller;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::ports::Page;
use everlog_domain::query::Query;
use everlog_domain::tables::Row;

use super::edge::Edge;
use super::queries::{ListQuery, PublicCursor};
use super::reading::{Found, wait_for_min};
use super::visitor::Visitor;
use crate::error::ApiError;
use crate::past::{At, ItemCursor, Past};

/// The moment that a query string names, if it names one.
pub(crate) fn moment(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
) -> Result<Option<At>, ApiError> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let at = pairs.find(|(name, _)| name == "at");
    // who may not read at all is told so, whatever the moment
    visitor.require("threads.read")?;
    at.map(|(_, text)| At::parse(&text, visitor.caller(), &edge.cursors))
        .transpose()
}

/// Reads the past under the scope `threads.read`, off the async threads. Without a moment it is now.
pub(super) async fn read_past<T: Send + 'static>(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    at: Option<At>,
    read: impl FnOnce(&mut Past<'_>, &Caller) -> Result<T, ApiError> + Send + 'static,
) -> Result<Found<T>, ApiError> {
    visitor.require("threads.read")?;
    wait_for_min(edge, visitor, query).await?;
    let caller = visitor.caller().clone();
    let project = caller.project;
    let now = crate::clock::now();
    let read = edge.node.reads().run(project, move |view, log| {
        let offset = match at {
            Some(at) => at.resolve(view, log, project, now)?,
            None => view
                .project_head(project)?
                .map_or_else(Default::default, |head| head.offset),
        };
        let mut past = Past::new(view, log, &caller, offset);
        let value = read(&mut past, &caller)?;
        Ok::<_, ApiError>(Found { value, offset })
    });
    read.await?
}

/// The list of threads at a moment.
pub(super) async fn threads(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    at: At,
    list: Query,
) -> Result<Found<Page>, ApiError> {
    read_past(edge, visitor, query, Some(at), move |past, _| {
        past.threads(&list)
    })
    .await
}

/// The row of a thread at a moment.
pub(super) async fn thread(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    at: At,
    thread: ThreadId,
) -> Result<Found<Row>, ApiError> {
    read_past(edge, visitor, query, Some(at), move |past, _| {
        Ok(past.thread(&thread)?.row)
    })
    .await
}

/// A page of a thread's items at a moment.
pub(super) async fn items(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    at: At,
    (thread, list): (ThreadId, ListQuery),
) -> Result<Found<Page>, ApiError> {
    read_past(edge, visitor, query, Some(at), move |past, _| {
        let items = past.items(past.thread(&thread)?)?;
        let cursor = list.cursor.as_ref().map(|cursor| match cursor {
            PublicCursor::After(id) => ItemCursor::After(id),
            PublicCursor::Before(id) => ItemCursor::Before(id),
        });
        past.list_items(&items, &list.query, cursor)
    })
    .await
}

/// The row of an item at a moment.
pub(super) async fn item(
    edge: &Edge,
    visitor: &Visitor,
    query: Option<&str>,
    at: At,
    (thread, item): (ThreadId, ItemId),
) -> Result<Found<Row>, ApiError> {
    read_past(edge, visitor, query, Some(at), move |past, _| {
        let items = past.items(past.thread(&thread)?)?;
        past.item(&items, &item)
    })
    .await
}
