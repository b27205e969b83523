//! `/v1/thread-templates`: a path of its own, since any id may follow `/v1/threads/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::{Granted, ProjectCommand};
use everlog_domain::access::Role;
use everlog_domain::ids::TemplateId;
use everlog_domain::tables::Row;
use everlog_domain::tables::system::thread_templates;
use everlog_domain::thread_templates::rows::template_of;
use everlog_domain::thread_templates::{
    CreateTemplate, DeleteTemplate, MAX_TEMPLATES, TemplateRefusal, UpdateTemplate,
};
use everlog_domain::threads::{
    ParticipantRole, TemplateParticipant, TemplatePermissions, ThreadTemplate,
};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};

use super::answer::marked;
use super::asked::{Asked, Nothing};
use super::cells::{text, time};
use super::edge::Edge;
use super::new_id::new_id;
use super::path::Path;
use super::reading::{Found, read_under};
use super::visitor::Visitor;
use super::writing::{ask_project, written};
use crate::error::{ApiError, ErrorType};
use crate::json_answer::JsonAnswer;

const READ: &str = "templates.read";
const WRITE: &str = "templates.write";

/// The template that a path names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TemplatePath {
    template_id: String,
}

impl TemplatePath {
    fn template(&self) -> Result<TemplateId, ApiError> {
        let id = TemplateId::parse(&self.template_id);
        id.map_err(|error| ApiError::argument("templateId", error))
    }
}

#[derive(Debug, Deserialize)]
struct ParticipantBody {
    id: TemplateParticipant,
    role: ParticipantRole,
}

/// What a template says, as it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ContentBody {
    usable_by: Vec<String>,
    permissions: Vec<String>,
    participants: Vec<ParticipantBody>,
}

impl ContentBody {
    fn content(self) -> Result<ThreadTemplate, ApiError> {
        let roles = self.usable_by.iter().map(|text| Role::parse(text));
        let usable_by: BTreeSet<Role> = roles
            .collect::<Result<_, _>>()
            .map_err(|error| ApiError::argument("usableBy", error))?;
        let permissions = TemplatePermissions::parse(&self.permissions);
        let permissions = permissions.map_err(|error| ApiError::argument("permissions", error))?;
        let named = self.participants.into_iter();
        let participants: BTreeMap<_, _> = named.map(|named| (named.id, named.role)).collect();
        let content = ThreadTemplate::new(usable_by, permissions, participants);
        content.map_err(|error| ApiError::new(ErrorType::ArgumentInvalid, error.to_string()))
    }
}

/// `POST /v1/thread-templates`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateBody {
    template_id: Option<String>,
    #[serde(default)]
    usable_by: Vec<String>,
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    participants: Vec<ParticipantBody>,
}

pub(super) async fn create(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    asked: Asked<CreateBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let CreateBody {
        template_id,
        usable_by,
        permissions,
        participants,
    } = asked.value;
    let new = new_id(
        "templateId",
        template_id.as_deref(),
        wish.as_ref(),
        TemplateId::parse,
        TemplateId::from_seed,
    )?;
    let content = ContentBody {
        usable_by,
        permissions,
        participants,
    };
    let template = new.id.clone();
    let command = ProjectCommand::CreateTemplate(CreateTemplate {
        template: new.id,
        content: content.content()?,
    });
    let granted = ask_project(&edge, &visitor, WRITE, command, wish).await?;
    let created = StatusCode::CREATED;
    changed(&edge, &visitor, template, &granted, created).await
}

/// `PUT /v1/thread-templates/{templateId}`
pub(super) async fn update(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<TemplatePath>,
    asked: Asked<ContentBody>,
) -> Result<Response, ApiError> {
    let template = path.template()?;
    let wish = asked.wish(&edge, &visitor);
    let command = ProjectCommand::UpdateTemplate(UpdateTemplate {
        template: template.clone(),
        content: asked.value.content()?,
    });
    let granted = ask_project(&edge, &visitor, WRITE, command, wish).await?;
    changed(&edge, &visitor, template, &granted, StatusCode::OK).await
}

/// `DELETE /v1/thread-templates/{templateId}`
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<TemplatePath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    let template = path.template()?;
    let wish = asked.wish(&edge, &visitor);
    let command = ProjectCommand::DeleteTemplate(DeleteTemplate { template });
    let granted = ask_project(&edge, &visitor, WRITE, command, wish).await?;
    written(&edge, &visitor, &granted, StatusCode::NO_CONTENT, ()).await
}

/// The answer to a change: the template as it is now, or nothing if it is gone by now.
async fn changed(
    edge: &Edge,
    visitor: &Visitor,
    template: TemplateId,
    granted: &Granted,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let project = visitor.caller().project;
    let row = edge.node.reads().run(project, move |view, _| {
        let key = [Value::text(template.as_str())];
        view.get(project, thread_templates::TABLE, &key)
    });
    match row.await?? {
        Some(row) => {
            let body = JsonAnswer(TemplateAnswer::of_row(&row)?);
            written(edge, visitor, granted, status, body).await
        }
        None => written(edge, visitor, granted, StatusCode::NO_CONTENT, ()).await,
    }
}

#[derive(Debug, Serialize)]
struct TemplateList {
    total: usize,
    templates: Vec<TemplateAnswer>,
}

/// `GET /v1/thread-templates`: all of them, in the order of their ids. There are few.
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let found = read_under(READ, &edge, &visitor, query.as_deref(), |view, caller| {
        let table = thread_templates::TABLE;
        Ok(view.scan(caller.project, table, &[], None, MAX_TEMPLATES)?)
    });
    let Found { value, offset } = found.await?;
    let templates = value.iter().map(TemplateAnswer::of_row);
    let body = TemplateList {
        total: value.len(),
        templates: templates.collect::<Result<_, _>>()?,
    };
    Ok(marked(body, &edge, &visitor, offset))
}

/// `GET /v1/thread-templates/{templateId}`
pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<TemplatePath>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let template = path.template()?;
    let query = query.as_deref();
    let found = read_under(READ, &edge, &visitor, query, move |view, caller| {
        let key = [Value::text(template.as_str())];
        let row = view.get(caller.project, thread_templates::TABLE, &key)?;
        row.ok_or_else(|| TemplateRefusal::NotFound.into())
    });
    let Found { value, offset } = found.await?;
    let body = TemplateAnswer::of_row(&value)?;
    Ok(marked(body, &edge, &visitor, offset))
}

/// A template on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateAnswer {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
    usable_by: BTreeSet<Role>,
    permissions: TemplatePermissions,
    participants: Vec<ParticipantAnswer>,
}

#[derive(Debug, Serialize)]
struct ParticipantAnswer {
    id: TemplateParticipant,
    role: ParticipantRole,
}

impl TemplateAnswer {
    fn of_row(row: &Row) -> Result<Self, ApiError> {
        let content = template_of(row);
        let content = content.ok_or_else(|| ApiError::internal("a template that does not read"))?;
        let participants = content.participants().iter();
        let participants = participants.map(|(id, &role)| ParticipantAnswer {
            id: id.clone(),
            role,
        });
        Ok(Self {
            id: text(row, thread_templates::ID),
            created_at: time(row, thread_templates::CREATED_AT),
            updated_at: time(row, thread_templates::UPDATED_AT),
            usable_by: content.usable_by().clone(),
            permissions: content.permissions().clone(),
            participants: participants.collect(),
        })
    }
}
