//! The parameters of a request for the log.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::HeaderMap;
use everlog_domain::access::Principal;
use everlog_domain::ids::Offset;

use super::filter::{self, Filter};
use super::form::Form;
use crate::error::{ApiError, ErrorType};

/// Events of a JSON answer, where nothing is said.
const LIMIT: u64 = 1_000;
/// Most events of a JSON answer.
const MAX_LIMIT: u64 = 10_000;
/// Where server-sent events go on after a loss of the connection.
const LAST_EVENT_ID: &str = "last-event-id";

/// Where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// With an event.
    At(Offset),
    /// After the newest that there is.
    Now,
    /// After the event that a client had last. It is in the log, unless that was restored from an
    /// older copy.
    After(Offset),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) begin: Begin,
    /// The last offset to look at; the newest that there is without it.
    pub(super) until: Option<Offset>,
    /// Most events; without a bound if absent, which only a stream may be.
    pub(super) limit: Option<u64>,
    pub(super) filter: Arc<Filter>,
    /// Whether to go on with what comes.
    pub(super) tail: bool,
}

/// The parameters as they come, each once but for `kind`.
#[derive(Default)]
struct Given<'a> {
    from: Option<Cow<'a, str>>,
    until: Option<Cow<'a, str>>,
    limit: Option<Cow<'a, str>>,
    stream: Option<Cow<'a, str>>,
    principal: Option<Cow<'a, str>>,
    cause: Option<Cow<'a, str>>,
    tail: Option<Cow<'a, str>>,
    kinds: Vec<Cow<'a, str>>,
}

impl<'a> Given<'a> {
    fn read(query: &'a str) -> Result<Self, ApiError> {
        let mut given = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "from" => &mut given.from,
                "until" => &mut given.until,
                "limit" => &mut given.limit,
                "stream" => &mut given.stream,
                "principal" => &mut given.principal,
                "cause" => &mut given.cause,
                "tail" => &mut given.tail,
                "kind" => {
                    given.kinds.push(value);
                    continue;
                }
                // read with the credentials
                "project" => continue,
                other => {
                    let other: String = other.chars().take(64).collect();
                    let expected = "from, until, limit, stream, kind, principal, cause, tail";
                    return Err(ApiError::new(
                        ErrorType::ArgumentInvalid,
                        format!("expected the parameters {expected}, found {other:?}"),
                    ));
                }
            };
            if place.replace(value).is_some() {
                return Err(ApiError::argument(&name, "given more than once"));
            }
        }
        Ok(given)
    }
}

impl Asked {
    /// Reads the query string, and for server-sent events what the client had last.
    pub(super) fn parse(query: &str, headers: &HeaderMap, form: Form) -> Result<Self, ApiError> {
        let given = Given::read(query)?;
        let tail = match given.tail.as_deref() {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => return Err(ApiError::argument("tail", "expected true or false")),
        };
        if tail && form == Form::Json {
            let reason = "goes with Accept: text/event-stream or application/jsonl";
            return Err(ApiError::argument("tail", reason));
        }
        if tail && (given.until.is_some() || given.limit.is_some()) {
            let reason = "does not end, so it goes with neither until nor limit";
            return Err(ApiError::argument("tail", reason));
        }
        let begin = begin(given.from.as_deref(), headers, form)?;
        let until = given
            .until
            .as_deref()
            .map(|text| offset("until", text))
            .transpose()?;
        if let (Begin::At(from), Some(until)) = (begin, until)
            && until < from
        {
            return Err(ApiError::argument("until", "lies before from"));
        }
        let limit = given
            .limit
            .as_deref()
            .map(|text| limit(text, form))
            .transpose()?;
        let limit = match form {
            Form::Json => Some(limit.unwrap_or(LIMIT)),
            Form::Lines(_) | Form::Events => limit,
        };
        Ok(Self {
            begin,
            until,
            limit,
            filter: Arc::new(filter(&given)?),
            tail,
        })
    }
}

fn begin(from: Option<&str>, headers: &HeaderMap, form: Form) -> Result<Begin, ApiError> {
    if form == Form::Events
        && let Some(last) = headers.get(LAST_EVENT_ID).filter(|last| !last.is_empty())
    {
        let last = last.to_str().ok().and_then(number);
        let last = last.filter(|last| *last < u64::MAX);
        return last.map(|last| Begin::After(Offset(last))).ok_or_else(|| {
            let reason = "expected the id of an event, which is its offset";
            ApiError::argument("Last-Event-ID", reason)
        });
    }
    match from {
        None => Ok(Begin::At(Offset(1))),
        Some("now") => Ok(Begin::Now),
        Some(text) => offset("from", text).map(Begin::At),
    }
}

fn filter(given: &Given<'_>) -> Result<Filter, ApiError> {
    let mut filter = Filter::default();
    for kind in &given.kinds {
        filter.add_kinds(kind).ok_or_else(|| {
            let reason = "expected the name of a kind, as item.posted, or of a group, as item.*";
            ApiError::argument("kind", reason)
        })?;
    }
    filter.stream = given.stream.as_deref().map(stream).transpose()?;
    filter.principal = given.principal.as_deref().map(principal).transpose()?;
    filter.cause = given
        .cause
        .as_deref()
        .map(|text| offset("cause", text))
        .transpose()?;
    Ok(filter)
}

fn stream(text: &str) -> Result<everlog_domain::envelope::Stream, ApiError> {
    let reason = "expected thread/ID, user/ID, key/ID or project/ID";
    filter::stream(text).ok_or_else(|| ApiError::argument("stream", reason))
}

fn principal(text: &str) -> Result<Principal, ApiError> {
    let reason = "expected user:ID, key:ID, guest or system";
    Principal::parse(text).ok_or_else(|| ApiError::argument("principal", reason))
}

fn offset(name: &str, text: &str) -> Result<Offset, ApiError> {
    let found = number(text).filter(|found| *found > 0);
    found
        .map(Offset)
        .ok_or_else(|| ApiError::argument(name, "expected an offset, from 1 on"))
}

fn limit(text: &str, form: Form) -> Result<u64, ApiError> {
    let most = match form {
        Form::Json => MAX_LIMIT,
        Form::Lines(_) | Form::Events => u64::MAX,
    };
    let found = number(text).filter(|found| (1..=most).contains(found));
    found.ok_or_else(|| ApiError::argument("limit", format!("expected a number from 1 to {most}")))
}

/// Digits alone: a sign would be taken as well.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
