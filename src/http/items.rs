//! `/v1/threads/{threadId}/items`.

use std::sync::{Arc, LazyLock};

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::Granted;
use everlog_domain::access::Caller;
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::ItemId;
use everlog_domain::ports::{Page, RowsView, Visibility};
use everlog_domain::query::{Cursor, Filter};
use everlog_domain::tables::TableSchema;
use everlog_domain::tables::system::items;
use everlog_domain::threads::{
    ItemRole, Mentions, NewItem, OpenItem, Parent, Part, ParticipantId, PostItem, ThreadCommand,
    ThreadEvent,
};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Body;

use super::answer::{marked, selected};
use super::asked::Asked;
use super::branches::{self, Branch};
use super::deltas::{DeltaBudget, page_with_deltas, with_deltas};
use super::edge::Edge;
use super::item_rows::{ItemPath, find, life, readable_item};
use super::item_wire::{self, ItemAnswer};
use super::new_id::{NewId, new_id};
use super::past;
use super::path::Path;
use super::queries::{Listing, PublicCursor};
use super::reading::{Found, read_threads};
use super::threads::{ThreadPath, metadata, readable, table};
use super::visitor::Visitor;
use super::writing::{ThreadWrite, written};
use crate::error::{ApiError, ErrorType};
use crate::json_answer::JsonAnswer;

/// What may be asked of the list of items.
pub(crate) static LISTING: LazyLock<Listing<'static>> = LazyLock::new(|| Listing {
    schema: schema(),
    fields: item_wire::FIELDS,
});

fn schema() -> &'static TableSchema {
    table(items::TABLE)
}

/// Whether a posted item is whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Begin {
    /// It is: nothing changes it any more.
    #[default]
    Finished,
    /// It is being written: deltas follow.
    Open,
}

/// `POST /v1/threads/{threadId}/items`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PostBody {
    item_id: Option<String>,
    role: ItemRole,
    #[serde(default)]
    parts: Vec<Part>,
    metadata: Option<Body>,
    tokens: Option<u32>,
    author: Option<ParticipantId>,
    #[serde(default)]
    status: Begin,
    /// Absent: it follows the item before it. Empty: nothing.
    parent_id: Option<Parent>,
    #[serde(default)]
    mentions: Mentions,
}

pub(super) async fn post(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<PostBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let body = asked.value;
    if body.status == Begin::Open && body.tokens.is_some() {
        return Err(ApiError::argument(
            "tokens",
            "given when the item is finished",
        ));
    }
    let chosen = body.item_id.as_deref();
    let NewId { id, origin } = new_id(
        "itemId",
        chosen,
        wish.as_ref(),
        ItemId::parse,
        ItemId::from_seed,
    )?;
    let item = NewItem {
        id,
        role: body.role,
        parts: body.parts,
        metadata: metadata(body.metadata)?.unwrap_or_default(),
        tokens: body.tokens,
        author: body.author,
        parent: body.parent_id,
        mentions: body.mentions,
    };
    let command = match body.status {
        Begin::Finished => ThreadCommand::Post(PostItem { item }),
        Begin::Open => ThreadCommand::Open(OpenItem { item }),
    };
    let write = ThreadWrite {
        item_id: origin,
        ..ThreadWrite::new(path.thread()?, command, wish)
    };
    let granted = write.ask(&edge, &visitor).await?;
    if granted.events.iter().any(is_withheld) {
        // a repetition: what was posted then has expired
        return written(&edge, &visitor, &granted, StatusCode::NO_CONTENT, ()).await;
    }
    let body = JsonAnswer(begun(&granted)?);
    written(&edge, &visitor, &granted, StatusCode::CREATED, body).await
}

fn is_withheld(recorded: &Arc<Recorded>) -> bool {
    matches!(recorded.event, Event::Withheld(_))
}

fn begun(granted: &Granted) -> Result<ItemAnswer<'_>, ApiError> {
    granted
        .events
        .iter()
        .find_map(|recorded| match &recorded.event {
            Event::Thread(ThreadEvent::ItemPosted(posted)) => {
                Some(ItemAnswer::of_post(&recorded.envelope, posted))
            }
            Event::Thread(ThreadEvent::ItemOpened(opened)) => {
                Some(ItemAnswer::of_opening(&recorded.envelope, opened))
            }
            _ => None,
        })
        .ok_or_else(|| ApiError::internal("a posted item without its event"))
}

/// `GET /v1/threads/{threadId}/items`
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let list = LISTING.parse(query.as_deref().unwrap_or_default())?;
    if let Some(branch) = Branch::of(query.as_deref().unwrap_or_default())? {
        return branches::list(&edge, &visitor, &path, query.as_deref(), branch, list).await;
    }
    let thread = path.thread()?;
    if let Some(at) = past::moment(&edge, &visitor, query.as_deref())? {
        let select = list.select.clone();
        let found = past::items(&edge, &visitor, query.as_deref(), at, (thread, list)).await?;
        return Ok(page(&edge, &visitor, &found, select.as_deref()));
    }
    let (mut rows_query, public) = (list.query, list.cursor);
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        // the thread decides who reads its items
        let life = life(&readable(view, caller, &thread)?);
        rows_query.cursor = public
            .map(|cursor| resolve(view, caller, &life, cursor))
            .transpose()?;
        let places = [items::THREAD, items::INCARNATION];
        let within = places
            .into_iter()
            .zip(life)
            .map(|(place, value)| Filter::equal(place, value));
        rows_query.filters.splice(0..0, within);
        let page = view.list(caller.project, items::TABLE, &rows_query, Visibility::All)?;
        let rows = page_with_deltas(view, caller.project, page.rows)?;
        Ok(Page { rows, ..page })
    });
    Ok(page(&edge, &visitor, &found.await?, list.select.as_deref()))
}

fn page(
    edge: &Edge,
    visitor: &Visitor,
    found: &Found<Page>,
    select: Option<&[String]>,
) -> Response {
    let Page { total, rows } = &found.value;
    let total = *total;
    let items = rows.iter().map(|row| ItemAnswer::of_row(row));
    match select {
        None => {
            let items = items.collect();
            marked(ItemList { total, items }, edge, visitor, found.offset)
        }
        Some(fields) => {
            let items = items.map(|item| selected(&item, Some(fields))).collect();
            marked(ItemList { total, items }, edge, visitor, found.offset)
        }
    }
}

#[derive(Debug, Serialize)]
struct ItemList<T> {
    total: u64,
    items: Vec<T>,
}

fn resolve(
    view: &dyn RowsView,
    caller: &Caller,
    life: &[Value; 2],
    cursor: PublicCursor,
) -> Result<Cursor, ApiError> {
    let (id, side): (String, fn(Vec<Value>) -> Cursor) = match cursor {
        PublicCursor::After(id) => (id, Cursor::After),
        PublicCursor::Before(id) => (id, Cursor::Before),
    };
    let row = find(view, caller, life, &id)?.ok_or_else(|| {
        ApiError::new(
            ErrorType::CursorNotFound,
            "the cursor names no item of this thread",
        )
    })?;
    Ok(side(schema().key_of(&row)))
}

/// `GET /v1/threads/{threadId}/items/{itemId}`
pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ItemPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (thread, item) = path.parse()?;
    let found = match past::moment(&edge, &visitor, query.as_deref())? {
        Some(at) => past::item(&edge, &visitor, query.as_deref(), at, (thread, item)).await?,
        None => {
            read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
                let row = readable_item(view, caller, &thread, &item)?;
                let mut budget = DeltaBudget::default();
                Ok(with_deltas(view, caller.project, row, &mut budget)?)
            })
            .await?
        }
    };
    Ok(marked(
        ItemAnswer::of_row(&found.value),
        &edge,
        &visitor,
        found.offset,
    ))
}
