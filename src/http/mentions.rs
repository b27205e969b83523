//! `GET /v1/mentions`: the newest items that mention somebody, in all threads that the caller may
//! read.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use compact_str::CompactString;
use everlog_domain::access::{Caller, Principal, Privilege};
use everlog_domain::ports::RowsView;
use everlog_domain::threads::{ParticipantId, ThreadRefusal};
use serde::Serialize;

use super::answer::marked;
use super::edge::Edge;
use super::item_wire::ItemAnswer;
use super::mention_feed::{Entry, Feed, Wanted};
use super::page_parameters::{cursor, limit, parameter};
use super::reading::read_threads;
use super::visitor::Visitor;
use crate::error::{ApiError, ErrorType};

#[derive(Debug, Serialize)]
struct MentionList<'a> {
    mentions: Vec<MentionAnswer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<CompactString>,
}

#[derive(Debug, Serialize)]
struct MentionAnswer<'a> {
    /// Whether it lies after what was read of its thread.
    unread: bool,
    item: ItemAnswer<'a>,
}

/// `GET /v1/mentions`
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    visitor.require("threads.read")?;
    let query = query.as_deref();
    let wanted = Wanted {
        mentioned: mentioned(visitor.caller(), query)?,
        before: cursor(&edge, &visitor, query)?,
        limit: limit(query)?,
        only_unread: only_unread(query)?,
    };
    let read = move |view: &dyn RowsView, caller: &Caller| Feed::read(view, caller, &wanted);
    let found = read_threads(&edge, &visitor, query, read).await?;
    let project = visitor.caller().project;
    let body = MentionList {
        mentions: found.value.entries.iter().map(MentionAnswer::of).collect(),
        cursor: found
            .value
            .more_before
            .map(|offset| edge.cursors.encode(project, offset)),
    };
    Ok(marked(body, &edge, &visitor, found.offset))
}

impl<'a> MentionAnswer<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            unread: entry.unread,
            item: ItemAnswer::of_row(&entry.item),
        }
    }
}

/// Whose mentions are asked for: the caller's own, unless a key names somebody. A key takes part in
/// nothing itself; it asks for the agent that it runs, or for somebody whom it is to notify.
fn mentioned(caller: &Caller, query: Option<&str>) -> Result<String, ApiError> {
    let expected = "expected user:ID or agent:ID";
    let named = parameter(query, "participant").map(|text| {
        let named = ParticipantId::parse(&text).map(|id| id.to_string());
        named.ok_or_else(|| ApiError::argument("participant", expected))
    });
    let named = named.transpose()?;
    match (caller.privilege, &caller.principal, named) {
        (Privilege::Key, _, Some(named)) => Ok(named),
        (Privilege::Key, _, None) => {
            let reason = format!("a key is mentioned nowhere: {expected}");
            Err(ApiError::argument("participant", reason))
        }
        (Privilege::Ordinary, Principal::Guest, _) => Err(ThreadRefusal::Nameless.into()),
        (Privilege::Ordinary, own, named) => {
            let own = own.to_string();
            match named {
                Some(named) if named != own => {
                    let message = "only an API key may ask for the mentions of another than itself";
                    Err(ApiError::new(ErrorType::PermissionNotHeld, message))
                }
                Some(_) | None => Ok(own),
            }
        }
    }
}

fn only_unread(query: Option<&str>) -> Result<bool, ApiError> {
    match parameter(query, "unread").as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::argument("unread", "expected true or false")),
    }
}
