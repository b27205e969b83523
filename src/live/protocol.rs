//! What clients send: one JSON object a text message, as `docs/live.schema.json` has it.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

/// Largest message of a client, in bytes: a request's body of 2 MiB, and what surrounds it.
pub(super) const MAX_MESSAGE_BYTES: usize = 2 * 1024 * 1024 + 64 * 1024;
/// Longest name that a client gives a subscription or a call, in characters.
const MAX_ID: usize = 64;
/// Most headers of a call.
const MAX_HEADERS: usize = 8;

/// A frame of a client.
#[derive(Debug)]
pub(super) enum ClientFrame {
    Authenticate(Proof),
    Subscribe(Subscribe),
    Unsubscribe(FrameId),
    Ping(Option<FrameId>),
    Call(Call),
}

/// A client's name for a subscription or a call: 1 to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FrameId(CompactString);

/// A credential in a frame.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) project: Option<String>,
    pub(super) key: Option<String>,
    pub(super) session: Option<String>,
}

#[derive(Debug)]
pub(super) struct Subscribe {
    pub(super) id: FrameId,
    pub(super) resource: String,
    pub(super) queries: Vec<String>,
    pub(super) from: Begin,
    /// Whether the caller wants to be seen in the thread, and to see who is there and who types.
    pub(super) signals: bool,
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// With a snapshot of what is there.
    Now,
    /// With the first event.
    Start,
    /// After a cursor.
    After(CompactString),
}

/// A request that comes as a frame.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: FrameId,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Box<RawValue>>,
}

/// Why a message is no frame.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum InvalidFrame {
    #[error("expected one JSON object with the fields of live.schema.json: {0}")]
    Json(String),
    #[error("a frame of type {kind} needs {field}")]
    Missing {
        kind: &'static str,
        field: &'static str,
    },
    #[error("a frame of type {kind} has no {field}")]
    Foreign {
        kind: &'static str,
        field: &'static str,
    },
    #[error("an id has 1 to {MAX_ID} characters, found {found}")]
    Id { found: usize },
    #[error("a call has at most {MAX_HEADERS} headers, found {found}")]
    Headers { found: usize },
    #[error("authenticate with either a key or a session")]
    Proof,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Authenticate,
    Subscribe,
    Unsubscribe,
    Ping,
    Call,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Ping => "ping",
            Self::Call => "call",
        }
    }
}

/// Every field of every frame: with one flat shape a body is never parsed, only found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "type")]
    kind: Kind,
    id: Option<CompactString>,
    project: Option<String>,
    key: Option<String>,
    session: Option<String>,
    resource: Option<String>,
    queries: Option<Vec<String>>,
    from: Option<CompactString>,
    signals: Option<bool>,
    method: Option<String>,
    path: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<Box<RawValue>>,
}

impl FrameId {
    fn parse(text: CompactString) -> Result<Self, InvalidFrame> {
        let found = text.chars().count();
        if found == 0 || found > MAX_ID {
            return Err(InvalidFrame::Id { found });
        }
        Ok(Self(text))
    }

    /// Of a subscription that the server makes by itself.
    pub(super) const fn own(name: &'static str) -> Self {
        Self(CompactString::const_new(name))
    }

    /// As a JSON string, with its quotes.
    pub(super) fn to_json(&self) -> String {
        serde_json::Value::from(self.0.as_str()).to_string()
    }
}

impl ClientFrame {
    /// Reads a message.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidFrame> {
        let fields: Fields =
            serde_json::from_str(text).map_err(|error| InvalidFrame::Json(error.to_string()))?;
        fields.refuse_foreign()?;
        let kind = fields.kind;
        let missing = |field| InvalidFrame::Missing {
            kind: kind.name(),
            field,
        };
        let id = fields.id.map(FrameId::parse).transpose()?;
        match kind {
            Kind::Ping => Ok(Self::Ping(id)),
            Kind::Unsubscribe => Ok(Self::Unsubscribe(id.ok_or_else(|| missing("id"))?)),
            Kind::Authenticate => {
                let Fields {
                    project,
                    key,
                    session,
                    ..
                } = fields;
                if key.is_some() == session.is_some() {
                    return Err(InvalidFrame::Proof);
                }
                Ok(Self::Authenticate(Proof {
                    project,
                    key,
                    session,
                }))
            }
            Kind::Subscribe => Ok(Self::Subscribe(Subscribe {
                id: id.ok_or_else(|| missing("id"))?,
                resource: fields.resource.ok_or_else(|| missing("resource"))?,
                queries: fields.queries.unwrap_or_default(),
                from: Begin::of(fields.from),
                signals: fields.signals.unwrap_or_default(),
            })),
            Kind::Call => {
                let headers = fields.headers.unwrap_or_default();
                if headers.len() > MAX_HEADERS {
                    return Err(InvalidFrame::Headers {
                        found: headers.len(),
                    });
                }
                Ok(Self::Call(Call {
                    id: id.ok_or_else(|| missing("id"))?,
                    method: fields.method.ok_or_else(|| missing("method"))?,
                    path: fields.path.ok_or_else(|| missing("path"))?,
                    headers,
                    body: fields.body,
                }))
            }
        }
    }
}

impl Fields {
    /// A field that the frame's type does not have is a mistake that must not pass unnoticed: a
    /// subscription that forgot its `from` would miss its past.
    fn refuse_foreign(&self) -> Result<(), InvalidFrame> {
        let (authenticate, subscribe, call) = match self.kind {
            Kind::Authenticate => (true, false, false),
            Kind::Subscribe => (false, true, false),
            Kind::Call => (false, false, true),
            Kind::Unsubscribe | Kind::Ping => (false, false, false),
        };
        let present = [
            ("id", self.id.is_some() && authenticate),
            ("project", self.project.is_some() && !authenticate),
            ("key", self.key.is_some() && !authenticate),
            ("session", self.session.is_some() && !authenticate),
            ("resource", self.resource.is_some() && !subscribe),
            ("queries", self.queries.is_some() && !subscribe),
            ("from", self.from.is_some() && !subscribe),
            ("signals", self.signals.is_some() && !subscribe),
            ("method", self.method.is_some() && !call),
            ("path", self.path.is_some() && !call),
            ("headers", self.headers.is_some() && !call),
            ("body", self.body.is_some() && !call),
        ];
        match present.into_iter().find(|(_, foreign)| *foreign) {
            Some((field, _)) => Err(InvalidFrame::Foreign {
                kind: self.kind.name(),
                field,
            }),
            None => Ok(()),
        }
    }
}

impl Begin {
    /// Reads the `from` of a subscription.
    pub(super) fn of(from: Option<CompactString>) -> Self {
        match from {
            None => Self::Now,
            Some(from) if from == "start" => Self::Start,
            Some(from) => Self::After(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_frame_is_refused() {
        let long = format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(65));
        let headers: Vec<String> = (0..9).map(|n| format!(r#""h{n}":"""#)).collect();
        let headers = format!(
            r#"{{"type":"call","id":"a","method":"GET","path":"/v1/","headers":{{{}}}}}"#,
            headers.join(",")
        );
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "{\"type\":\"ping\"",
            r#"{"type":"ping"}{}"#,
            r#"{"type":"hello"}"#,
            r#"{"type":"ping","id":""}"#,
            r#"{"type":"ping","id":7}"#,
            r#"{"type":"ping","type":"ping"}"#,
            r#"{"type":"ping","other":1}"#,
            r#"{"type":"ping","resource":"threads"}"#,
            r#"{"type":"unsubscribe"}"#,
            r#"{"type":"unsubscribe","id":"a","from":"start"}"#,
            r#"{"type":"unsubscribe","id":"a","signals":true}"#,
            r#"{"type":"subscribe","id":"a","resource":"threads/t","signals":"yes"}"#,
            r#"{"type":"subscribe","id":"a"}"#,
            r#"{"type":"subscribe","resource":"threads"}"#,
            r#"{"type":"subscribe","id":"a","resource":"threads","body":{}}"#,
            r#"{"type":"subscribe","id":"a","resource":"threads","queries":"x"}"#,
            r#"{"type":"call","id":"a","method":"GET"}"#,
            r#"{"type":"call","id":"a","path":"/v1/threads"}"#,
            r#"{"type":"call","id":"a","method":"GET","path":"/v1/","key":"k"}"#,
            r#"{"type":"authenticate"}"#,
            r#"{"type":"authenticate","key":"k","session":"s"}"#,
            r#"{"type":"authenticate","key":"k","id":"a"}"#,
            &long,
            &headers,
        ] {
            assert!(ClientFrame::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn frames_are_read() {
        let begin = |text: &str| match ClientFrame::parse(text) {
            Ok(ClientFrame::Subscribe(subscribe)) => subscribe.from,
            other => panic!("{other:?}"),
        };
        let head = r#"{"type":"subscribe","id":"a","resource":"threads""#;
        assert_eq!(begin(&format!("{head}}}")), Begin::Now);
        assert_eq!(begin(&format!(r#"{head},"from":null}}"#)), Begin::Now);
        assert_eq!(begin(&format!(r#"{head},"from":"start"}}"#)), Begin::Start);
        assert_eq!(
            begin(&format!(r#"{head},"from":"abc"}}"#)),
            Begin::After("abc".into())
        );
        let call =
            r#"{"type":"call","id":"é\"","method":"POST","path":"/v1/x","body": {"a": [1]}}"#;
        let Ok(ClientFrame::Call(call)) = ClientFrame::parse(call) else {
            panic!("no call")
        };
        assert_eq!(call.id.to_json(), r#""é\"""#);
        assert_eq!(
            call.body.map(|body| body.get().to_owned()),
            Some(r#"{"a": [1]}"#.to_owned())
        );
    }
}
