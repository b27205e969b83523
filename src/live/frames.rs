//! What the server sends. Only the small head of a frame is a subscription's own; what follows is
//! often the same text for everybody.

use compact_str::CompactString;
use everlog_actors::live::Moment;
use everlog_domain::access::Principal;
use everlog_domain::ids::ProjectId;
use serde_json::{Value as Json, json};

use super::page::Change;
use super::protocol::FrameId;
use super::refusal::Refusal;

/// `connected`
pub(super) fn connected(project: &ProjectId, principal: &Principal) -> String {
    format!(r#"{{"type":"connected","project":"{project}","principal":"{principal}"}}"#)
}

/// `subscribed`
pub(super) fn subscribed(id: &str, resource: &str) -> String {
    format!(
        r#"{{"type":"subscribed","id":{id},"resource":{}}}"#,
        Json::from(resource)
    )
}

/// `unsubscribed`
pub(super) fn unsubscribed(id: &str) -> String {
    format!(r#"{{"type":"unsubscribed","id":{id}}}"#)
}

/// `snapshot`; `fields` is its content, as the inner text of an object.
pub(super) fn snapshot(id: &str, cursor: &str, fields: &str) -> String {
    format!(r#"{{"type":"snapshot","id":{id},"cursor":"{cursor}",{fields}}}"#)
}

/// `pong`
pub(super) fn pong(id: Option<&FrameId>) -> String {
    match id {
        None => r#"{"type":"pong"}"#.to_owned(),
        Some(id) => format!(r#"{{"type":"pong","id":{}}}"#, id.to_json()),
    }
}

/// `error`
pub(super) fn error(id: Option<&str>, refusal: &Refusal) -> String {
    let Refusal {
        code,
        kind,
        message,
    } = refusal;
    let id = id.map_or_else(String::new, |id| format!(r#""id":{id},"#));
    let message = Json::from(message.as_str());
    format!(r#"{{"type":"error",{id}"code":{code},"errorType":"{kind}","message":{message}}}"#)
}

/// `caughtUp`
pub(super) fn caught_up(id: &str, prev: Option<&str>, cursor: &str) -> String {
    let head = link_head("caughtUp", id, prev, cursor);
    format!("{head}}}")
}

/// `signals`: not a link, since nothing of it is in the log.
pub(super) fn signals(id: &str, moment: &Moment) -> String {
    let now = crate::clock::now();
    let typing = moment.typing.iter().filter(|(_, until)| *until > now);
    let typing = typing
        .map(|(principal, until)| json!({ "principal": principal, "until": until.to_string() }));
    let typing: Json = typing.collect();
    let present = Json::from_iter(moment.present.iter().map(CompactString::as_str));
    let total = moment.present_total;
    format!(
        r#"{{"type":"signals","id":{id},"present":{present},"presentTotal":{total},"typing":{typing}}}"#
    )
}

/// `event`, `enter` or `leave`
pub(super) fn link(id: &str, prev: Option<&str>, cursor: &str, change: &Change) -> String {
    let head = |kind| link_head(kind, id, prev, cursor);
    match change {
        Change::Event(text) => join(head("event"), "event", text.as_str()),
        Change::Enter(row) => join(head("enter"), "row", row),
        Change::EnterThread(thread) => format!(r#"{},"threadId":"{thread}"}}"#, head("enter")),
        Change::Leave(row) => format!(r#"{},"rowId":"{row}"}}"#, head("leave")),
        Change::LeaveThread(thread) => format!(r#"{},"threadId":"{thread}"}}"#, head("leave")),
        Change::LeaveEnded(row) => format!(r#"{},"rowId":"{row}","ended":true}}"#, head("leave")),
    }
}

// Ids, cursors, principals and names of types need no escapes; what clients name does.
fn link_head(kind: &str, id: &str, prev: Option<&str>, cursor: &str) -> String {
    match prev {
        Some(prev) => format!(r#"{{"type":"{kind}","id":{id},"prev":"{prev}","cursor":"{cursor}""#),
        None => format!(r#"{{"type":"{kind}","id":{id},"prev":null,"cursor":"{cursor}""#),
    }
}

fn join(head: String, name: &str, body: &str) -> String {
    let mut frame = head;
    frame.reserve_exact(name.len() + body.len() + 5);
    frame.push_str(",\"");
    frame.push_str(name);
    frame.push_str("\":");
    frame.push_str(body);
    frame.push('}');
    frame
}
