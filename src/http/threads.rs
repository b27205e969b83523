//! `/v1/threads`.

use std::sync::{Arc, LazyLock};

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::Granted;
use everlog_domain::access::{Action, Caller, Permissions, Privilege};
use everlog_domain::event::Event;
use everlog_domain::ids::{TemplateId, ThreadId};
use everlog_domain::ports::{Page, RowsView, Visibility};
use everlog_domain::query::Cursor;
use everlog_domain::tables::{Row, TableSchema, system};
use everlog_domain::threads::{
    CreateThread, DeleteThread, FromTemplate, Metadata, Participant, ParticipantId, SetPermissions,
    ThreadCommand, ThreadEvent, ThreadName, ThreadRefusal, UpdateThread,
};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Body;

use super::answer::{marked, selected};
use super::asked::Asked;
use super::edge::Edge;
use super::new_id::new_id;
use super::past;
use super::path::Path;
use super::queries::{Listing, PublicCursor};
use super::reading::{Found, read_threads};
use super::thread_wire::{self, ThreadAnswer};
use super::visitor::Visitor;
use super::writing::{ThreadWrite, written};
use crate::error::{ApiError, ErrorType};
use crate::json_answer::JsonAnswer;

/// What may be asked of the list of threads.
pub(crate) static LISTING: LazyLock<Listing<'static>> = LazyLock::new(|| Listing {
    schema: schema(),
    fields: thread_wire::FIELDS,
});

fn schema() -> &'static TableSchema {
    table(system::threads::TABLE)
}

/// A system table, which is always there.
pub(super) fn table(number: everlog_domain::tables::TableNumber) -> &'static TableSchema {
    #[expect(
        clippy::expect_used,
        reason = "the constants of `system` name tables of `system`"
    )]
    system::table(number).expect("a system table")
}

/// The thread that a path names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThreadPath {
    thread_id: String,
}

impl ThreadPath {
    pub(crate) fn thread(&self) -> Result<ThreadId, ApiError> {
        let id = ThreadId::parse(&self.thread_id);
        id.map_err(|error| ApiError::argument("threadId", error))
    }
}

/// `POST /v1/threads`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateBody {
    thread_id: Option<String>,
    name: Option<String>,
    metadata: Option<Body>,
    permissions: Option<Vec<String>>,
    #[serde(default)]
    participants: Vec<Participant>,
    template_id: Option<String>,
    /// For whom a key begins a thread from a template.
    creator: Option<ParticipantId>,
}

pub(super) async fn create(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    asked: Asked<CreateBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let body = asked.value;
    let chosen = body.thread_id.as_deref();
    let new = new_id(
        "threadId",
        chosen,
        wish.as_ref(),
        ThreadId::parse,
        ThreadId::from_seed,
    )?;
    let command = ThreadCommand::Create(CreateThread {
        thread: new.id.clone(),
        name: name(body.name.as_deref())?,
        metadata: metadata(body.metadata)?.unwrap_or_default(),
        permissions: body.permissions.as_deref().map(permissions).transpose()?,
        participants: body.participants,
        template: template(body.template_id.as_deref(), body.creator)?,
    });
    let granted = ThreadWrite::new(new.id, command, wish)
        .ask(&edge, &visitor)
        .await?;
    let body = JsonAnswer(created(&granted)?);
    written(&edge, &visitor, &granted, StatusCode::CREATED, body).await
}

fn template(
    id: Option<&str>,
    creator: Option<ParticipantId>,
) -> Result<Option<FromTemplate>, ApiError> {
    let creator = match creator {
        None => None,
        Some(ParticipantId::User(id)) => Some(id),
        Some(ParticipantId::Agent(_)) => {
            return Err(ApiError::argument("creator", "expected user:ID"));
        }
    };
    let Some(id) = id else {
        return match creator {
            None => Ok(None),
            Some(_) => Err(ApiError::argument(
                "creator",
                "goes with a templateId alone",
            )),
        };
    };
    let template = TemplateId::parse(id);
    let template = template.map_err(|error| ApiError::argument("templateId", error))?;
    Ok(Some(FromTemplate { template, creator }))
}

fn created(granted: &Granted) -> Result<ThreadAnswer, ApiError> {
    granted
        .events
        .iter()
        .find_map(|recorded| match &recorded.event {
            Event::Thread(ThreadEvent::ThreadCreated(created)) => {
                Some(ThreadAnswer::of_creation(&recorded.envelope, created))
            }
            _ => None,
        })
        .ok_or_else(|| ApiError::internal("a created thread without its event"))
}

/// `GET /v1/threads`
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut list = LISTING.parse(query.as_deref().unwrap_or_default())?;
    list.query.cursor = list.cursor.map(|cursor| match cursor {
        PublicCursor::After(id) => Cursor::After(vec![Value::text(&id)]),
        PublicCursor::Before(id) => Cursor::Before(vec![Value::text(&id)]),
    });
    let query_list = list.query;
    if let Some(at) = past::moment(&edge, &visitor, query.as_deref())? {
        let found = past::threads(&edge, &visitor, query.as_deref(), at, query_list);
        return Ok(page(&edge, &visitor, &found.await?, list.select.as_deref()));
    }
    let found = read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
        let visibility = match caller.privilege {
            Privilege::Key => Visibility::All,
            Privilege::Ordinary => Visibility::Roles(&caller.roles),
        };
        let table = system::threads::TABLE;
        Ok(view.list(caller.project, table, &query_list, visibility)?)
    });
    Ok(page(&edge, &visitor, &found.await?, list.select.as_deref()))
}

fn page(
    edge: &Edge,
    visitor: &Visitor,
    found: &Found<Page>,
    select: Option<&[String]>,
) -> Response {
    let threads = found.value.rows.iter().map(|row| ThreadAnswer::of_row(row));
    let threads = threads.map(|thread| selected(&thread, select));
    let body = ThreadList {
        total: found.value.total,
        threads: threads.collect(),
    };
    marked(body, edge, visitor, found.offset)
}

#[derive(Debug, Serialize)]
struct ThreadList {
    total: u64,
    threads: Vec<Body>,
}

/// `GET /v1/threads/{threadId}`
pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let found = match past::moment(&edge, &visitor, query.as_deref())? {
        Some(at) => past::thread(&edge, &visitor, query.as_deref(), at, thread).await?,
        None => {
            read_threads(&edge, &visitor, query.as_deref(), move |view, caller| {
                readable(view, caller, &thread)
            })
            .await?
        }
    };
    Ok(marked(
        ThreadAnswer::of_row(&found.value),
        &edge,
        &visitor,
        found.offset,
    ))
}

/// The row of a thread that the caller may read. Any other is not found, so that nobody learns
/// which ids exist.
pub(super) fn readable(
    view: &dyn RowsView,
    caller: &Caller,
    thread: &ThreadId,
) -> Result<Row, ApiError> {
    let key = [Value::text(thread.as_str())];
    let row = view.get(caller.project, system::threads::TABLE, &key)?;
    let row = row.filter(|row| {
        caller.privilege == Privilege::Key || thread_wire::access(row).allows(caller, Action::Read)
    });
    row.ok_or_else(|| ThreadRefusal::NotFound.into())
}

/// `PATCH /v1/threads/{threadId}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateBody {
    name: Option<String>,
    metadata: Option<Body>,
}

pub(super) async fn update(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<UpdateBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let command = ThreadCommand::Update(UpdateThread {
        name: name(asked.value.name.as_deref())?,
        metadata: metadata(asked.value.metadata)?,
    });
    let thread = path.thread()?;
    let granted = ThreadWrite::new(thread.clone(), command, wish)
        .ask(&edge, &visitor)
        .await?;
    changed(&edge, &visitor, thread, &granted).await
}

/// `PUT /v1/threads/{threadId}/permissions`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionsBody {
    permissions: Vec<String>,
}

pub(super) async fn set_permissions(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<PermissionsBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let command = ThreadCommand::SetPermissions(SetPermissions {
        permissions: permissions(&asked.value.permissions)?,
    });
    let thread = path.thread()?;
    let granted = ThreadWrite::new(thread.clone(), command, wish)
        .ask(&edge, &visitor)
        .await?;
    changed(&edge, &visitor, thread, &granted).await
}

/// The answer to a change: the thread as it is now, or nothing if the caller may not read it
/// (changing takes no read permission), or not any more.
async fn changed(
    edge: &Edge,
    visitor: &Visitor,
    thread: ThreadId,
    granted: &Granted,
) -> Result<Response, ApiError> {
    // with the rights of today: the change may have been to the caller's own
    let visitor = visitor.again(edge).await?;
    let caller = visitor.caller().clone();
    let row = edge.node.reads().run(caller.project, move |view, _| {
        readable(view, &caller, &thread)
    });
    match row.await? {
        Ok(row) => {
            let body = JsonAnswer(ThreadAnswer::of_row(&row));
            written(edge, &visitor, granted, StatusCode::OK, body).await
        }
        Err(error) if error.kind() == ErrorType::ThreadNotFound => {
            written(edge, &visitor, granted, StatusCode::NO_CONTENT, ()).await
        }
        Err(error) => Err(error),
    }
}

/// `DELETE /v1/threads/{threadId}`
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<ThreadPath>,
    asked: Asked<super::asked::Nothing>,
) -> Result<Response, ApiError> {
    let thread = path.thread()?;
    let wish = asked.wish(&edge, &visitor);
    let command = ThreadCommand::Delete(DeleteThread {
        thread: thread.clone(),
    });
    ThreadWrite::new(thread, command, wish)
        .change(&edge, &visitor)
        .await
}

fn name(text: Option<&str>) -> Result<Option<ThreadName>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let name = ThreadName::parse(text);
    let wrong = || ApiError::argument("name", "expected 1 to 256 characters");
    name.map(Some).ok_or_else(wrong)
}

pub(super) fn permissions(texts: &[String]) -> Result<Permissions, ApiError> {
    Permissions::parse(texts).map_err(|error| ApiError::argument("permissions", error))
}

pub(super) fn metadata(json: Option<Body>) -> Result<Option<Metadata>, ApiError> {
    let metadata = json.map(Metadata::parse).transpose();
    metadata.map_err(|error| ApiError::argument("metadata", error))
}
