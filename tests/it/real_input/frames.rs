//! What the server says on a live socket (docs/live.md), as far as the import and its subscribers read it. Read in place:
//! followers of the whole project take a million frames.

use std::borrow::Cow;

use serde::Deserialize;

use super::seen::Fingerprint;

/// Any frame.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) id: Option<&'a str>,
    pub(super) prev: Option<&'a str>,
    pub(super) cursor: Option<&'a str>,
    #[serde(borrow)]
    pub(super) event: Option<Event<'a>>,
    pub(super) status: Option<u16>,
    #[serde(borrow)]
    pub(super) body: Option<Body<'a>>,
    pub(super) code: Option<u16>,
}

/// What happened.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) thread_id: &'a str,
    #[serde(borrow)]
    pub(super) item: Option<Item<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Item<'a> {
    #[serde(rename = "$id")]
    pub(super) id: &'a str,
    pub(super) role: &'a str,
    #[serde(borrow)]
    pub(super) parts: Vec<Part<'a>>,
}

/// A part of an item, on a live socket or in the log.
#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    #[serde(borrow, default)]
    pub(super) text: Cow<'a, str>,
}

/// The body of a call's result: an entity, or an error.
#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(rename = "$id")]
    pub(super) id: Option<&'a str>,
}

impl Item<'_> {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        fingerprint(self.id, self.role, &self.parts)
    }
}

pub(super) fn fingerprint(id: &str, role: &str, parts: &[Part<'_>]) -> Fingerprint {
    let parts = parts.iter().map(|part| (part.kind, part.text.as_ref()));
    Fingerprint::of(id, role, parts)
}

/// Reads a frame, or says what is wrong with it.
pub(super) fn read(text: &str) -> Frame<'_> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in the frame {text}"))
}
