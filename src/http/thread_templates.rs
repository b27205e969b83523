//! `/v1/thread-templates`: a path of its own, since any id may follow `/v1/threads/`.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::{Granted, ProjectCommand};
use everlog_domain::ids::TemplateId;
use everlog_domain::tables::system::thread_templates;
use everlog_domain::thread_templates::{
    CreateTemplate, DeleteTemplate, MAX_TEMPLATES, TemplateRefusal, UpdateTemplate,
};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};

use super::answer::marked;
use super::asked::{Asked, Nothing};
use super::edge::Edge;
use super::new_id::new_id;
use super::path::Path;
use super::reading::{Found, read_under};
use super::template_wire::{TemplateAnswer, TemplateBody, TemplateParticipantBody};
use super::visitor::Visitor;
use super::writing::{ask_project, written};
use crate::error::ApiError;
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
    participants: Vec<TemplateParticipantBody>,
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
    let content = TemplateBody {
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
    asked: Asked<TemplateBody>,
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
            let body = JsonAnswer(TemplateAnswer::of_row(&row).ok_or_else(damaged)?);
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
    let templates = value.iter().map(|row| TemplateAnswer::of_row(row));
    let body = TemplateList {
        total: value.len(),
        templates: templates.collect::<Option<_>>().ok_or_else(damaged)?,
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
    let body = TemplateAnswer::of_row(&value).ok_or_else(damaged)?;
    Ok(marked(body, &edge, &visitor, offset))
}

fn damaged() -> ApiError {
    ApiError::internal("the row of a template does not read")
}
