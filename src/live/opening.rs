//! How a subscription begins: what it is about, whether the caller may, and what is there.

use std::sync::Arc;

use everlog_domain::access::Caller;
use everlog_domain::ids::Offset;
use everlog_domain::ports::RowsView;
use everlog_domain::query::Query;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::threads;
use everlog_domain::threads::ThreadRefusal;
use everlog_domain::value::Value;

use super::life::{cell, incarnation};
use super::refusal::Refusal;
use super::resource::Resource;
use super::shown::{ItemFilters, Shown, ThreadLife};
use super::snapshot::{self, Snapshot};
use crate::error::{ApiError, ErrorType};
use crate::http::{ITEMS, ListQuery, THREADS};

/// What a `subscribe` frame asks for, read and checked as far as that goes without looking.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    resource: Resource,
    query: Query,
    filters: ItemFilters,
    /// Rows of the snapshot.
    limit: u32,
}

/// Where a subscription begins, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Now,
    Start,
    After(Offset),
}

/// A subscription as it begins.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) shown: Arc<Shown>,
    /// Everything up to here has been looked at.
    pub(super) after: Offset,
    /// The caller epoch of the view.
    pub(super) epoch: Offset,
    pub(super) beginning: Beginning,
}

/// What comes first.
#[derive(Debug)]
pub(super) enum Beginning {
    /// What is there. What comes next is the present.
    Snapshot(Snapshot),
    /// The past.
    Past,
}

impl Wanted {
    /// Reads resource and queries.
    pub(super) fn parse(resource: &str, queries: &[String]) -> Result<Self, Refusal> {
        let resource = Resource::parse(resource).ok_or_else(Refusal::resource_unknown)?;
        let listing = match resource {
            Resource::Threads => &THREADS,
            Resource::Thread(..) | Resource::Items => &ITEMS,
        };
        let list = listing.read(queries)?;
        let limit = limit_of(&list)?;
        refuse_pages(&list)?;
        let (query, filters) = match resource {
            Resource::Threads => (list.query, ItemFilters::default()),
            Resource::Items => {
                refuse_order(&list.query)?;
                (Query::default(), item_filters(list.query)?)
            }
            Resource::Thread(..) if !list.query.filters.is_empty() => {
                return Err(invalid(
                    "filters go with threads and items; of one thread everything comes",
                ));
            }
            Resource::Thread(..) => {
                refuse_order(&list.query)?;
                (Query::default(), ItemFilters::default())
            }
        };
        Ok(Self {
            resource,
            query,
            filters,
            limit,
        })
    }

    /// What it is about.
    pub(super) const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Authorises, and reads what is there if that is where it begins.
    pub(super) fn open(
        self,
        view: &dyn RowsView,
        caller: &Caller,
        from: From,
    ) -> Result<Opened, Refusal> {
        let head = view.project_head(caller.project).map_err(ApiError::from)?;
        let (head, epoch) = head.map_or((Offset(0), Offset(0)), |head| {
            (head.offset, head.caller_epoch)
        });
        let (shown, thread) = self.shown(view, caller)?;
        let (after, beginning) = match from {
            From::After(cursor) if cursor > head => return Err(Refusal::cursor_ahead()),
            From::After(cursor) => (cursor, Beginning::Past),
            From::Start => (Offset(0), Beginning::Past),
            From::Now => {
                let there = snapshot::read(view, caller, &shown, self.limit, thread.as_ref());
                (head, Beginning::Snapshot(there.map_err(ApiError::from)?))
            }
        };
        Ok(Opened {
            shown: Arc::new(shown),
            after,
            epoch,
            beginning,
        })
    }

    fn shown(
        &self,
        view: &dyn RowsView,
        caller: &Caller,
    ) -> Result<(Shown, Option<Row>), ApiError> {
        let (thread, part) = match &self.resource {
            Resource::Threads => return Ok((Shown::Threads(self.query.clone()), None)),
            Resource::Items => return Ok((Shown::Items(self.filters.clone()), None)),
            Resource::Thread(thread, part) => (thread.clone(), *part),
        };
        let row = view.get(
            caller.project,
            threads::TABLE,
            &[Value::text(thread.as_str())],
        )?;
        let row = row.filter(|row| caller.may_read(cell(row, threads::READERS)));
        let row = row.ok_or(ThreadRefusal::NotFound)?;
        let life = ThreadLife {
            thread,
            incarnation: incarnation(&row),
            part,
        };
        Ok((Shown::Thread(life), Some(row)))
    }
}

/// Rows of the snapshot: what the queries say, bounded.
fn limit_of(list: &ListQuery) -> Result<u32, Refusal> {
    let limit = list.query.limit;
    if limit > snapshot::MAX_ROWS {
        let most = snapshot::MAX_ROWS;
        return Err(invalid(&format!(
            "limit: a snapshot has at most {most} rows, found {limit}"
        )));
    }
    Ok(limit)
}

fn refuse_pages(list: &ListQuery) -> Result<(), Refusal> {
    if list.select.is_some() || list.cursor.is_some() || list.query.offset > 0 {
        return Err(invalid(
            "select, offset and cursors of rows do not go with a subscription",
        ));
    }
    Ok(())
}

fn refuse_order(query: &Query) -> Result<(), Refusal> {
    if query.order.is_empty() {
        return Ok(());
    }
    Err(invalid("items come in the order in which they were posted"))
}

fn item_filters(query: Query) -> Result<ItemFilters, Refusal> {
    ItemFilters::new(query.filters).map_err(|column| {
        let column = ITEMS
            .schema
            .columns
            .get(column)
            .map_or("", |column| column.name);
        invalid(&format!(
            "{column} changes while an item is written: filter on what stays"
        ))
    })
}

fn invalid(message: &str) -> Refusal {
    ApiError::new(ErrorType::QueryInvalid, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(resource: &str, queries: &[&str]) -> Option<&'static str> {
        let queries: Vec<String> = queries.iter().map(|&query| query.to_owned()).collect();
        Wanted::parse(resource, &queries)
            .err()
            .map(|refusal| refusal.kind)
    }

    #[test]
    fn subscriptions_are_refused() {
        let status = r#"{"method":"equal","attribute":"status","values":["open"]}"#;
        let nested = format!(
            r#"{{"method":"or","values":[{status},{}]}}"#,
            r#"{"method":"equal","attribute":"role","values":["user"]}"#
        );
        let invalid = Some("general_query_invalid");
        for (resource, query, expected) in [
            ("rows", "", Some("live_resource_unknown")),
            ("threads", "nonsense", invalid),
            (
                "threads",
                r#"{"method":"equal","attribute":"$readers","values":["any"]}"#,
                invalid,
            ),
            (
                "threads",
                r#"{"method":"equal","attribute":"metadata.a","values":["b"]}"#,
                invalid,
            ),
            (
                "threads",
                r#"{"method":"select","values":["name"]}"#,
                invalid,
            ),
            ("threads", r#"{"method":"offset","values":[1]}"#, invalid),
            (
                "threads",
                r#"{"method":"cursorAfter","values":["t"]}"#,
                invalid,
            ),
            ("threads", r#"{"method":"limit","values":[101]}"#, invalid),
            ("items", status, invalid),
            ("items", &nested, invalid),
            (
                "items",
                r#"{"method":"orderDesc","attribute":"$sequence"}"#,
                invalid,
            ),
            (
                "threads/t",
                r#"{"method":"equal","attribute":"role","values":["user"]}"#,
                invalid,
            ),
            (
                "threads/t/items",
                r#"{"method":"orderAsc","attribute":"$sequence"}"#,
                invalid,
            ),
        ] {
            assert_eq!(refused(resource, &[query]), expected, "{resource} {query}");
        }
    }

    #[test]
    fn subscriptions_are_read() {
        for (resource, query) in [
            (
                "threads",
                r#"{"method":"orderDesc","attribute":"lastItemAt"}"#,
            ),
            (
                "threads",
                r#"{"method":"contains","attribute":"participants","values":["user:u"]}"#,
            ),
            (
                "items",
                r#"{"method":"equal","attribute":"threadId","values":["t"]}"#,
            ),
            ("threads/t", r#"{"method":"limit","values":[100]}"#),
        ] {
            assert_eq!(refused(resource, &[query]), None, "{resource} {query}");
        }
        assert_eq!(
            Wanted::parse("items", &[]).map(|wanted| wanted.limit),
            Ok(25)
        );
    }
}
