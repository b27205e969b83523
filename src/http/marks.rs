//! What people put on items: `…/items/{itemId}/reactions`, `…/items/{itemId}/pin`, and how far they
//! have read: `/v1/threads/{threadId}/receipt`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::ports::Visibility;
use everlog_domain::query::{Comparison, Filter, Query, Total};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{items, mentions, pins, reactions, receipts};
use everlog_domain::threads::{
    Author, MAX_PINS, MAX_REACTIONS, MarkRead, PinItem, React, Reaction, ThreadCommand,
};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};

use super::answer::marked;
use super::asked::{Asked, Nothing};
use super::cells::{cell, text, time};
use super::edge::Edge;
use super::item_rows::{ItemPath, life, readable_item};
use super::path::Path;
use super::reading::read_threads;
use super::threads::{ThreadPath, readable};
use super::visitor::Visitor;
use super::writing::ThreadWrite;
use crate::error::ApiError;

/// Most receipts of an answer.
const MOST_RECEIPTS: usize = 1_000;

/// The reaction that a path names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReactionPath {
    thread_id: String,
    item_id: String,
    reaction: String,
}

impl ReactionPath {
    fn parse(&self) -> Result<(ThreadId, ItemId, Reaction), ApiError> {
        let thread = ThreadId::parse(&self.thread_id);
        let thread = thread.map_err(|error| ApiError::argument("threadId", error))?;
        let item = ItemId::parse(&self.item_id);
        let item = item.map_err(|error| ApiError::argument("itemId", error))?;
        let expected = "expected 1 to 32 characters, none of them white space or a slash";
        let reaction = Reaction::parse(&self.reaction);
        let reaction = reaction.ok_or_else(|| ApiError::argument("reaction", expected))?;
        Ok((thread, item, reaction))
    }
}

/// `PUT …/items/{itemId}/reactions/{reaction}`
pub(super) async fn react(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ReactionPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    set_reaction(&edge, &visitor, &path, &asked, true).await
}

/// `DELETE …/items/{itemId}/reactions/{reaction}`
pub(super) async fn unreact(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ReactionPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    set_reaction(&edge, &visitor, &path, &asked, false).await
}

async fn set_reaction(
    edge: &Edge,
    visitor: &Visitor,
    path: &ReactionPath,
    asked: &Asked<Nothing>,
    stands: bool,
) -> Result<Response, ApiError> {
    let (thread, item, reaction) = path.parse()?;
    let command = ThreadCommand::React(React {
        item,
        reaction,
        stands,
    });
    set(edge, visitor, thread, command, asked).await
}

/// `PUT …/items/{itemId}/pin`
pub(super) async fn pin(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    set_pin(&edge, &visitor, &path, &asked, true).await
}

/// `DELETE …/items/{itemId}/pin`
pub(super) async fn unpin(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    set_pin(&edge, &visitor, &path, &asked, false).await
}

async fn set_pin(
    edge: &Edge,
    visitor: &Visitor,
    path: &ItemPath,
    asked: &Asked<Nothing>,
    pinned: bool,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let command = ThreadCommand::Pin(PinItem { item, pinned });
    set(edge, visitor, thread, command, asked).await
}

async fn set(
    edge: &Edge,
    visitor: &Visitor,
    thread: ThreadId,
    command: ThreadCommand,
    asked: &Asked<Nothing>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(edge, visitor);
    ThreadWrite::new(thread, command, wish)
        .change(edge, visitor)
        .await
}

/// `PUT /v1/threads/{threadId}/receipt`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ReadBody {
    item_id: String,
}

pub(super) async fn mark_read(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<ReadBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let item = ItemId::parse(&asked.value.item_id);
    let item = item.map_err(|error| ApiError::argument("itemId", error))?;
    let command = ThreadCommand::MarkRead(MarkRead { item });
    ThreadWrite::new(path.thread()?, command, wish)
        .change(&edge, &visitor)
        .await
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptAnswer {
    participant: String,
    item_id: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
}

#[derive(Debug, Serialize)]
struct ReceiptList {
    total: usize,
    receipts: Vec<ReceiptAnswer>,
}

/// `GET /v1/threads/{threadId}/receipts`: how far each has read.
pub(super) async fn receipts(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        let life = life(&readable(view, caller, &thread)?);
        let project = caller.project;
        Ok(view.scan(project, receipts::TABLE, &life, None, MOST_RECEIPTS)?)
    });
    let found = found.await?;
    let receipt = |row: &Row| ReceiptAnswer {
        participant: text(row, receipts::BY),
        item_id: text(row, receipts::ITEM),
        updated_at: time(row, receipts::UPDATED_AT),
    };
    let body = ReceiptList {
        total: found.value.len(),
        receipts: found.value.iter().map(receipt).collect(),
    };
    Ok(marked(body, &edge, &visitor, found.offset))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnreadAnswer {
    /// Items of others after the last one that was read, counted up to 5,000.
    unread: u64,
    last_read_item_id: Option<String>,
    /// Those of them that mention the caller.
    mentions: u64,
}

/// `GET /v1/threads/{threadId}/unread`: how much the caller has not read.
pub(super) async fn unread(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let by = Author::principal(&visitor.caller().principal);
    let by = Value::text(by.as_str());
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        let [thread, incarnation] = life(&readable(view, caller, &thread)?);
        let key = [thread.clone(), incarnation.clone(), by.clone()];
        let receipt = view.get(caller.project, receipts::TABLE, &key)?;
        let read = receipt.as_ref();
        let read = read.map(|row| cell(row, receipts::POSITION).clone());
        let of_others = vec![
            Filter::equal(items::THREAD, thread.clone()),
            Filter::equal(items::INCARNATION, incarnation.clone()),
            compare(items::AUTHOR, Comparison::NotEqual, by.clone()),
            compare(items::STATUS, Comparison::NotEqual, Value::text("deleted")),
        ];
        let of_them = vec![
            Filter::equal(mentions::MENTIONED, by),
            Filter::equal(mentions::THREAD, thread),
            Filter::equal(mentions::INCARNATION, incarnation),
        ];
        let count = |table, place, mut filters: Vec<Filter>| {
            let read = read.clone();
            filters.extend(read.map(|read| compare(place, Comparison::Greater, read)));
            let query = Query {
                filters,
                limit: 1,
                total: Total::Counted,
                ..Query::default()
            };
            let page = view.list(caller.project, table, &query, Visibility::All);
            page.map(|page| page.total)
        };
        Ok(UnreadAnswer {
            unread: count(items::TABLE, items::POSITION, of_others)?,
            mentions: count(mentions::TABLE, mentions::POSITION, of_them)?,
            last_read_item_id: receipt.map(|row| text(&row, receipts::ITEM)),
        })
    });
    let found = found.await?;
    Ok(marked(found.value, &edge, &visitor, found.offset))
}

fn compare(column: usize, comparison: Comparison, value: Value) -> Filter {
    Filter::Compare {
        column,
        comparison,
        values: vec![value],
    }
}

#[derive(Debug, Serialize)]
struct ReactionAnswer {
    reaction: String,
    by: String,
    #[serde(rename = "$createdAt")]
    created_at: String,
}

#[derive(Debug, Serialize)]
struct ReactionList {
    total: usize,
    reactions: Vec<ReactionAnswer>,
}

/// `GET …/items/{itemId}/reactions`: who reacted how.
pub(super) async fn reactions(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        let row = readable_item(view, caller, &thread, &item)?;
        let key = item_key(&row);
        Ok(view.scan(caller.project, reactions::TABLE, &key, None, MAX_REACTIONS)?)
    });
    let found = found.await?;
    let reaction = |row: &Row| ReactionAnswer {
        reaction: text(row, reactions::REACTION),
        by: text(row, reactions::BY),
        created_at: time(row, reactions::CREATED_AT),
    };
    let body = ReactionList {
        total: found.value.len(),
        reactions: found.value.iter().map(reaction).collect(),
    };
    Ok(marked(body, &edge, &visitor, found.offset))
}

fn item_key(row: &[Value]) -> [Value; 3] {
    [items::THREAD, items::INCARNATION, items::POSITION].map(|place| cell(row, place).clone())
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PinAnswer {
    item_id: String,
    pinned_at: String,
}

#[derive(Debug, Serialize)]
struct PinList {
    total: usize,
    pins: Vec<PinAnswer>,
}

/// `GET /v1/threads/{threadId}/pins`: the pinned items, in the order of the thread. What they say is
/// read item by item: a hundred large ones would not fit an answer.
pub(super) async fn pins(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        let life = life(&readable(view, caller, &thread)?);
        let pinned = view.scan(caller.project, pins::TABLE, &life, None, MAX_PINS)?;
        let mut pins = Vec::with_capacity(pinned.len());
        for pin in pinned {
            let [thread, incarnation] = life.clone();
            let key = [thread, incarnation, cell(&pin, pins::POSITION).clone()];
            let item = view.get(caller.project, items::TABLE, &key)?;
            pins.extend(item.map(|item| PinAnswer {
                item_id: text(&item, items::ID),
                pinned_at: time(&item, items::PINNED_AT),
            }));
        }
        Ok(PinList {
            total: pins.len(),
            pins,
        })
    });
    let found = found.await?;
    Ok(marked(found.value, &edge, &visitor, found.offset))
}
