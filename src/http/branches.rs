//! The tree of a thread's items: `PUT …/branch`, `GET …/items?branch=`, `GET …/items/{itemId}/branches`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use everlog_actors::live::row_weight;
use everlog_domain::access::Caller;
use everlog_domain::ids::ItemId;
use everlog_domain::ports::{RowsFailure, RowsView, Visibility};
use everlog_domain::query::{Cursor, Direction, Filter, MAX_PAGE_BYTES, OrderBy, Query, Total};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{branches, items, threads};
use everlog_domain::threads::{SwitchBranch, ThreadCommand};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};

use super::answer::marked;
use super::asked::Asked;
use super::cells::cell;
use super::deltas::page_with_deltas;
use super::edge::Edge;
use super::item_rows::{ItemPath, find, life, readable_item};
use super::item_wire::ItemAnswer;
use super::path::Path;
use super::queries::{ListQuery, PublicCursor};
use super::reading::read_threads;
use super::threads::{ThreadPath, readable};
use super::visitor::Visitor;
use super::writing::ThreadWrite;
use crate::error::{ApiError, ErrorType};

/// Rows that are read at once on the way back.
const SLICE: u32 = 32;
/// Most items of a page of a branch, and most that follow one item.
const MOST: usize = 100;

/// `PUT /v1/threads/{threadId}/branch`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SwitchBody {
    item_id: String,
}

pub(super) async fn switch(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<SwitchBody>,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let wish = asked.wish(&edge, &visitor);
    let item = ItemId::parse(&asked.value.item_id);
    let item = item.map_err(|error| ApiError::argument("itemId", error))?;
    let command = ThreadCommand::Switch(SwitchBranch { item });
    ThreadWrite::new(thread, command, wish)
        .change(&edge, &visitor)
        .await
}

/// Which branch a list asks for.
#[derive(Debug, Clone)]
pub(super) enum Branch {
    /// The one that the next item goes on.
    Active,
    /// The one that ends with an item.
    Until(ItemId),
}

impl Branch {
    /// Reads the parameter `branch` of a query string.
    pub(super) fn of(query: &str) -> Result<Option<Self>, ApiError> {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let Some((_, text)) = pairs.find(|(name, _)| name == "branch") else {
            return Ok(None);
        };
        if text == "active" {
            return Ok(Some(Self::Active));
        }
        let item = ItemId::parse(&text);
        let item = item.map_err(|error| ApiError::argument("branch", error))?;
        Ok(Some(Self::Until(item)))
    }
}

#[derive(Debug, Serialize)]
struct BranchList<'a> {
    items: Vec<ItemAnswer<'a>>,
    /// Whether the branch goes on before the first of these.
    more: bool,
}

/// `GET /v1/threads/{threadId}/items?branch=`: the end of a branch, or what comes before an item of it.
pub(super) async fn list(
    edge: &Edge,
    visitor: &Visitor,
    path: &ThreadPath,
    query: Option<&str>,
    branch: Branch,
    asked: ListQuery,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let (limit, before) = page_of(asked)?;
    let found = read_threads(edge, visitor, query, move |view, caller| {
        let thread = readable(view, caller, &thread)?;
        let tree = Tree::of(view, caller, &thread);
        let end = match (&before, &branch) {
            (Some(id), _) => {
                let item = tree.item(id, ErrorType::CursorNotFound)?;
                tree.before(&item)?
            }
            (None, Branch::Until(id)) => Some(tree.item(id.as_str(), ErrorType::ItemNotFound)?),
            (None, Branch::Active) => match cell(&thread, threads::ACTIVE_ITEM).as_text() {
                Some(id) => Some(tree.item(id, ErrorType::ItemNotFound)?),
                None => tree.earlier(None, 1)?.pop(),
            },
        };
        let mut rows = match end {
            Some(end) => tree.back_from(end, limit)?,
            None => Vec::new(),
        };
        let more = match rows.last() {
            Some(first) => tree.before(first)?.is_some(),
            None => false,
        };
        rows.reverse();
        Ok((page_with_deltas(view, caller.project, rows)?, more))
    });
    let found = found.await?;
    let (rows, more) = found.value;
    let items = rows.iter().map(|row| ItemAnswer::of_row(row)).collect();
    Ok(marked(
        BranchList { items, more },
        edge,
        visitor,
        found.offset,
    ))
}

fn page_of(asked: ListQuery) -> Result<(usize, Option<String>), ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ErrorType::QueryInvalid, message));
    let Query {
        filters,
        order,
        limit,
        offset,
        ..
    } = asked.query;
    if !filters.is_empty() || !order.is_empty() || offset > 0 || asked.select.is_some() {
        return invalid("a branch is listed in its own order: limit and cursorBefore go with it");
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit > MOST {
        return invalid("limit: a page of a branch has at most 100 items");
    }
    match asked.cursor {
        None => Ok((limit, None)),
        Some(PublicCursor::Before(id)) => Ok((limit, Some(id))),
        Some(PublicCursor::After(_)) => {
            invalid("a branch is read from its end: cursorBefore goes with it")
        }
    }
}

#[derive(Debug, Serialize)]
struct Following<'a> {
    total: usize,
    items: Vec<ItemAnswer<'a>>,
}

/// `GET /v1/threads/{threadId}/items/{itemId}/branches`: the items that follow one.
pub(super) async fn following(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        let row = readable_item(view, caller, &thread, &item)?;
        let thread = readable(view, caller, &thread)?;
        let rows = Tree::of(view, caller, &thread).following(&row)?;
        Ok(page_with_deltas(view, caller.project, rows)?)
    });
    let found = found.await?;
    let items: Vec<_> = found
        .value
        .iter()
        .map(|row| ItemAnswer::of_row(row))
        .collect();
    let body = Following {
        total: items.len(),
        items,
    };
    Ok(marked(body, &edge, &visitor, found.offset))
}

/// The items of a living thread that the caller may read.
struct Tree<'a> {
    view: &'a dyn RowsView,
    caller: &'a Caller,
    life: [Value; 2],
}

impl<'a> Tree<'a> {
    fn of(view: &'a dyn RowsView, caller: &'a Caller, thread: &[Value]) -> Self {
        Self {
            view,
            caller,
            life: life(thread),
        }
    }

    fn item(&self, id: &str, missing: ErrorType) -> Result<Row, ApiError> {
        let row = find(self.view, self.caller, &self.life, id)?;
        row.ok_or_else(|| ApiError::new(missing, "no item with this id was found in this thread"))
    }

    /// The item that another one follows.
    fn before(&self, item: &[Value]) -> Result<Option<Row>, ApiError> {
        match cell(item, items::PARENT).as_text() {
            Some("") => Ok(None),
            Some(parent) => Ok(find(self.view, self.caller, &self.life, parent)?),
            None => Ok(self.earlier(Some(item), 1)?.pop()),
        }
    }

    /// An item and those that it follows, the newest first, at most so many, and no more than fit a
    /// page. What lies in order is read in slices.
    fn back_from(&self, end: Row, most: usize) -> Result<Vec<Row>, ApiError> {
        let mut branch = vec![end];
        while let Some(first) = branch.last().filter(|_| branch.len() < most) {
            if weight(&branch) > MAX_PAGE_BYTES {
                break;
            }
            if !matches!(cell(first, items::PARENT), Value::Null) {
                match self.before(first)? {
                    Some(parent) => branch.push(parent),
                    None => break,
                }
                continue;
            }
            let left = u32::try_from(most - branch.len()).unwrap_or(SLICE);
            let slice = self.earlier(Some(first), left.min(SLICE))?;
            if slice.is_empty() {
                break;
            }
            for row in slice {
                let goes_on = matches!(cell(&row, items::PARENT), Value::Null);
                branch.push(row);
                if !goes_on {
                    break;
                }
            }
        }
        branch.truncate(most);
        Ok(branch)
    }

    /// The items before another one, or the last ones, by their places; the nearest first. Large ones
    /// come one by one.
    fn earlier(&self, item: Option<&[Value]>, limit: u32) -> Result<Vec<Row>, ApiError> {
        match self.neighbours(item, limit, Direction::Descending) {
            Err(RowsFailure::PageTooLarge { .. }) if limit > 1 => {
                Ok(self.neighbours(item, 1, Direction::Descending)?)
            }
            rows => Ok(rows?),
        }
    }

    fn neighbours(
        &self,
        item: Option<&[Value]>,
        limit: u32,
        direction: Direction,
    ) -> Result<Vec<Row>, RowsFailure> {
        let places = [items::THREAD, items::INCARNATION];
        let within = places.into_iter().zip(self.life.clone());
        let key = |item: &[Value]| {
            let places = [items::THREAD, items::INCARNATION, items::POSITION];
            places.map(|place| cell(item, place).clone()).to_vec()
        };
        let query = Query {
            filters: within
                .map(|(place, value)| Filter::equal(place, value))
                .collect(),
            order: vec![OrderBy {
                column: items::POSITION,
                direction,
            }],
            limit,
            cursor: item.map(|item| Cursor::After(key(item))),
            total: Total::Skipped,
            ..Query::default()
        };
        let project = self.caller.project;
        let page = self
            .view
            .list(project, items::TABLE, &query, Visibility::All)?;
        Ok(page.rows)
    }

    /// The items that follow one: the next one, unless it is somewhere else, and those that name it.
    fn following(&self, item: &[Value]) -> Result<Vec<Row>, ApiError> {
        let mut next = self.neighbours(Some(item), 1, Direction::Ascending)?;
        next.retain(|next| matches!(cell(next, items::PARENT), Value::Null));
        let [thread, incarnation] = self.life.clone();
        let prefix = [
            thread.clone(),
            incarnation.clone(),
            cell(item, items::ID).clone(),
        ];
        let project = self.caller.project;
        let named = self
            .view
            .scan(project, branches::TABLE, &prefix, None, MOST)?;
        for branch in named {
            let position = cell(&branch, branches::POSITION).clone();
            let key = [thread.clone(), incarnation.clone(), position];
            next.extend(self.view.get(project, items::TABLE, &key)?);
            if weight(&next) > MAX_PAGE_BYTES {
                let limit = MAX_PAGE_BYTES;
                return Err(RowsFailure::PageTooLarge { limit }.into());
            }
        }
        Ok(next)
    }
}

/// Bytes of memory that rows take.
fn weight(rows: &[Row]) -> usize {
    rows.iter().map(|row| row_weight(row)).sum()
}
