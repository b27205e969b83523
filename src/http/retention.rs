//! `/v1/retention`: how long the project keeps the items of its threads.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use everlog_actors::ProjectCommand;
use everlog_domain::envelope::Idempotency;
use everlog_domain::ids::Offset;
use everlog_domain::ports::RowsView;
use everlog_domain::projects::rows::{retention_key, retention_of};
use everlog_domain::projects::{Retention, SetRetention};
use everlog_domain::tables::system::retention;
use serde::{Deserialize, Serialize};

use super::answer::marked;
use super::asked::{Asked, Nothing};
use super::edge::Edge;
use super::reading::wait_for_min;
use super::visitor::Visitor;
use super::writing::{ask_project, written};
use crate::error::ApiError;
use crate::json_answer::JsonAnswer;

/// `PUT /v1/retention`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetentionBody {
    max_age: Option<u64>,
    max_items_per_thread: Option<u32>,
}

/// The rule as it is answered: null says that there is no such bound.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RetentionAnswer {
    max_age: Option<u64>,
    max_items_per_thread: Option<u32>,
}

impl RetentionAnswer {
    const fn of(rule: Retention) -> Self {
        Self {
            max_age: rule.max_age(),
            max_items_per_thread: rule.max_items_per_thread(),
        }
    }
}

pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    visitor.require("projects.read")?;
    wait_for_min(&edge, &visitor, query.as_deref()).await?;
    let project = visitor.caller().project;
    let read = move |view: &dyn RowsView| {
        let row = view.get(project, retention::TABLE, &retention_key())?;
        let rule = row.and_then(|row| retention_of(&row));
        let rule = rule.map_or_else(Retention::default, |now| now.rule);
        let head = view.project_head(project)?;
        Ok::<_, ApiError>((rule, head.map_or(Offset(0), |head| head.offset)))
    };
    let reads = edge.node.reads();
    let (rule, offset) = reads.run(project, move |view, _| read(view)).await??;
    Ok(marked(RetentionAnswer::of(rule), &edge, &visitor, offset))
}

pub(super) async fn set(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    asked: Asked<RetentionBody>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    let RetentionBody {
        max_age,
        max_items_per_thread,
    } = asked.value;
    visitor.require(SCOPE)?;
    let rule = Retention::new(max_age, max_items_per_thread);
    let rule = rule.map_err(|invalid| ApiError::argument("retention", invalid))?;
    replace(&edge, &visitor, rule, wish).await
}

pub(super) async fn remove(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    let wish = asked.wish(&edge, &visitor);
    replace(&edge, &visitor, Retention::default(), wish).await
}

const SCOPE: &str = "projects.write";

async fn replace(
    edge: &Edge,
    visitor: &Visitor,
    retention: Retention,
    wish: Option<Idempotency>,
) -> Result<Response, ApiError> {
    let command = ProjectCommand::SetRetention(SetRetention {
        project: visitor.identity.project.clone(),
        retention,
    });
    let granted = ask_project(edge, visitor, SCOPE, command, wish).await?;
    let body = JsonAnswer(RetentionAnswer::of(retention));
    written(edge, visitor, &granted, StatusCode::OK, body).await
}
