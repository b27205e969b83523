//! What a request brings to prove who asks, before anything is believed.

use std::sync::OnceLock;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use everlog_domain::hash::Hash;
use everlog_domain::ids::ProjectId;
use percent_encoding::percent_decode_str;

use crate::error::{ApiError, ErrorType};
use crate::key_text::{KeyText, SessionText};

/// The project whose control plane this is.
pub(super) const CONSOLE_ID: &str = "console";

/// The project in the path, as in `/p/{project}/v1/…`, kept while the path loses it.
#[derive(Debug, Clone)]
pub(super) struct PathProject(pub String);

/// Where a key stood: a bad one has other consequences in each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// `Authorization: Bearer`: a bad key is refused.
    Bearer,
    /// `X-Appwrite-Key`: a bad key is a guest, as in Appwrite.
    Header,
}

/// An API key as it came.
#[derive(Clone)]
pub struct PresentedKey {
    /// Where it stood.
    pub place: KeyPlace,
    /// The key.
    pub text: KeyText,
}

/// What a request brings to prove who asks. Live sockets keep it to authenticate again.
#[derive(Clone)]
pub struct Credentials {
    /// The project that they are for.
    pub project: ProjectId,
    /// An API key.
    pub key: Option<PresentedKey>,
    /// A session.
    pub session: Option<SessionText>,
    /// See [`Credentials::digest`]; taken once, since those of a live socket are asked for often.
    digest: OnceLock<Hash>,
}

impl Credentials {
    /// Reads them from a request. A key tells its project; where something else names another
    /// one, the request is refused rather than tried in either.
    pub fn of(parts: &Parts) -> Result<Self, ApiError> {
        refuse_tokens(&parts.headers)?;
        let named = named_project(parts)?;
        let key = presented_key(&parts.headers)?;
        let project = match (&key, named) {
            (Some(key), Some(named)) if key.text.project != named => {
                let message =
                    "the key belongs to another project than the one that the request names";
                return Err(ApiError::new(ErrorType::AccessForbidden, message));
            }
            (Some(key), _) => key.text.project.clone(),
            (None, Some(named)) => named,
            (None, None) => console(),
        };
        let session = presented_session(&parts.headers, &project);
        Ok(Self {
            project,
            key,
            session,
            digest: OnceLock::new(),
        })
    }

    /// Refuses a request that names another project than these credentials, which came by another
    /// way than the request.
    pub fn check_project(&self, parts: &Parts) -> Result<(), ApiError> {
        match named_project(parts)? {
            Some(named) if named != self.project => {
                let message = "the request names another project than its socket";
                Err(ApiError::new(ErrorType::AccessForbidden, message))
            }
            _ => Ok(()),
        }
    }

    /// Names these credentials without giving them away.
    #[must_use]
    pub fn digest(&self) -> Hash {
        *self.digest.get_or_init(|| self.hash())
    }

    fn hash(&self) -> Hash {
        let key = self.key.as_ref().map(|key| key.text.reveal());
        let session = self.session.as_ref();
        let fields = [
            Some(self.project.as_str()),
            key.as_deref(),
            session.map(SessionText::user),
            session.map(SessionText::secret),
        ];
        Hash::of(&fields.map(|field| field.unwrap_or_default().as_bytes()))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn are_absent(&self) -> bool {
        self.key.is_none() && self.session.is_none()
    }
}

fn console() -> ProjectId {
    // seeds always make an id; the text is a valid one, as the test below shows
    ProjectId::parse(CONSOLE_ID).unwrap_or_else(|_| ProjectId::from_seed(CONSOLE_ID.as_bytes()))
}

// A token that is not understood must not quietly become a guest.
fn refuse_tokens(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key("x-appwrite-jwt") {
        let message = "JSON web tokens are not accepted; send a session or a key";
        return Err(ApiError::new(ErrorType::UserJwtInvalid, message));
    }
    Ok(())
}

fn named_project(parts: &Parts) -> Result<Option<ProjectId>, ApiError> {
    let path = parts.extensions.get::<PathProject>().map(|p| p.0.clone());
    let header = text(&parts.headers, "x-appwrite-project").map(str::to_owned);
    let query = query_project(parts.uri.query().unwrap_or_default());
    let mut named = [path, header, query].into_iter().flatten();
    let Some(first) = named.next() else {
        return Ok(None);
    };
    if named.any(|other| other != first) {
        let message = "path, X-Appwrite-Project and ?project= name different projects";
        return Err(ApiError::new(ErrorType::AccessForbidden, message));
    }
    let project = ProjectId::parse(&first);
    project
        .map(Some)
        .map_err(|error| ApiError::argument("project", error))
}

fn query_project(query: &str) -> Option<String> {
    // most requests have none, and need no decoding
    if !query.contains("project=") {
        return None;
    }
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "project")
        .map(|(_, value)| value.into_owned())
}

fn presented_key(headers: &HeaderMap) -> Result<Option<PresentedKey>, ApiError> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let bearer = value.to_str().ok().and_then(|text| text.split_once(' '));
        let token = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let text = token.and_then(|(_, token)| KeyText::parse(token.trim()));
        let text = text.ok_or_else(invalid_key)?;
        let place = KeyPlace::Bearer;
        return Ok(Some(PresentedKey { place, text }));
    }
    let text = text(headers, "x-appwrite-key").and_then(KeyText::parse);
    let place = KeyPlace::Header;
    Ok(text.map(|text| PresentedKey { place, text }))
}

/// The refusal of a key that is not one of this server's, or not any more.
pub(super) fn invalid_key() -> ApiError {
    let message = "expected Authorization: Bearer with an API key of this server; this one is unknown or was revoked";
    ApiError::new(ErrorType::UserUnauthorized, message)
}

/// The first that reads, in Appwrite's order: a browser may send an old cookie along that its page
/// cannot keep from being sent.
fn presented_session(headers: &HeaderMap, project: &ProjectId) -> Option<SessionText> {
    let name = session_cookie(project);
    let legacy = format!("{name}_legacy");
    cookies(headers, &name)
        .chain(cookies(headers, &legacy))
        .find_map(cookie_session)
        .or_else(|| SessionText::parse(text(headers, "x-appwrite-session")?))
        .or_else(|| {
            let map = text(headers, "x-fallback-cookies")?;
            let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(map).ok()?;
            let values = [&name, &legacy].map(|name| map.get(name)?.as_str());
            values.into_iter().flatten().find_map(cookie_session)
        })
}

/// Some clients encode the padding of base64, or quote the value.
fn cookie_session(value: &str) -> Option<SessionText> {
    let value = percent_decode_str(value.trim_matches('"'));
    SessionText::parse(&value.decode_utf8().ok()?)
}

/// The name of a project's session cookie.
pub(super) fn session_cookie(project: &ProjectId) -> String {
    format!("a_session_{project}")
}

/// The values of the cookies with a name.
fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let pairs = texts.flat_map(|line| line.split(';'));
    pairs.filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use everlog_domain::ids::{KeyId, UserId};

    fn read(uri: &str, headers: &[(&str, &str)]) -> Result<Credentials, ErrorType> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        Credentials::of(&parts).map_err(|error| error.kind())
    }

    fn key() -> KeyText {
        KeyText::new(ProjectId::parse("one").unwrap(), KeyId::from_seed(b"k"))
    }

    #[test]
    fn contradictions_and_bad_bearers_are_refused() {
        let key = key().reveal();
        let bearer = format!("Bearer {key}");
        use ErrorType as E;
        for (uri, headers, expected) in [
            (
                "/",
                &[("authorization", "Bearer x")][..],
                E::UserUnauthorized,
            ),
            (
                "/",
                &[("authorization", &bearer[..20])],
                E::UserUnauthorized,
            ),
            ("/", &[("authorization", "Basic eDp5")], E::UserUnauthorized),
            (
                "/",
                &[("authorization", &bearer), ("x-appwrite-project", "two")],
                E::AccessForbidden,
            ),
            (
                "/?project=two",
                &[("authorization", &bearer)],
                E::AccessForbidden,
            ),
            (
                "/",
                &[("x-appwrite-key", &key), ("x-appwrite-project", "two")],
                E::AccessForbidden,
            ),
            (
                "/?project=two",
                &[("x-appwrite-project", "one")],
                E::AccessForbidden,
            ),
            ("/?project=a/b", &[], E::ArgumentInvalid),
            ("/", &[("x-appwrite-jwt", "e30.e30.")], E::UserJwtInvalid),
        ] {
            let found = read(uri, headers).err();
            assert_eq!(found, Some(expected), "{uri} {headers:?}");
        }
    }

    #[test]
    fn the_project_comes_from_the_key_the_header_the_query_or_is_the_console() {
        let bearer = format!("Bearer {}", key().reveal());
        for (uri, headers, project) in [
            ("/", &[("authorization", bearer.as_str())][..], "one"),
            ("/", &[("x-appwrite-project", "two")], "two"),
            ("/?project=three", &[], "three"),
            ("/", &[], "console"),
            ("/", &[("x-appwrite-key", "nonsense")], "console"),
        ] {
            let found = read(uri, headers).map(|found| found.project.to_string());
            assert_eq!(found, Ok(project.to_owned()), "{uri} {headers:?}");
        }
    }

    #[test]
    fn sessions_are_looked_up_in_order() {
        let texts = [b"1", b"2", b"3", b"4"].map(|seed| SessionText::new(&UserId::from_seed(seed)));
        let [main, legacy, header, fallback] = &texts;
        // the base64 of an id of this length is padded
        let padded = &SessionText::new(&UserId::parse("abc").unwrap());
        let project = ("x-appwrite-project", "one");
        let legacy_line = format!("x=y; a_session_one_legacy={}", legacy.reveal());
        let both = format!("{legacy_line}; a_session_one={}", main.reveal());
        let map = format!(r#"{{"a_session_one":"{}"}}"#, fallback.reveal());
        let other = format!("a_session_two={}", main.reveal());
        let header_line = header.reveal();
        let twice = format!("a_session_one=old; a_session_one={}", main.reveal());
        let encoded = padded.reveal().replace('=', "%3D").replace('+', "%2B");
        let encoded = format!("a_session_one=\"{encoded}\"");
        assert!(encoded.contains("%3D"));
        for (headers, expected) in [
            (
                &[
                    project,
                    ("cookie", &both),
                    ("x-appwrite-session", &header_line),
                ][..],
                Some(main),
            ),
            (
                &[
                    project,
                    ("cookie", &legacy_line),
                    ("x-appwrite-session", &header_line),
                ],
                Some(legacy),
            ),
            (
                &[
                    project,
                    ("x-appwrite-session", &header_line),
                    ("x-fallback-cookies", &map),
                ],
                Some(header),
            ),
            (&[project, ("x-fallback-cookies", &map)], Some(fallback)),
            (&[project, ("cookie", &other)], None),
            (&[project, ("x-appwrite-session", "nonsense")], None),
            (
                &[
                    project,
                    ("cookie", "a_session_one=old; a_session_one_legacy="),
                    ("x-appwrite-session", &header_line),
                ],
                Some(header),
            ),
            (
                &[
                    project,
                    ("x-appwrite-session", "old"),
                    ("x-fallback-cookies", &map),
                ],
                Some(fallback),
            ),
            (&[project, ("cookie", &twice)], Some(main)),
            (&[project, ("cookie", &encoded)], Some(padded)),
        ] {
            let found = read("/", headers).map(|found| found.session);
            assert!(found == Ok(expected.cloned()), "{headers:?}");
        }
    }
}
