//! The cookies of a session, as Appwrite sets them.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use everlog_domain::ids::ProjectId;

use super::client_address::Transport;
use super::credentials::session_cookie;
use super::visitor::Visitor;
use crate::error::ApiError;

/// The cookies again as a JSON map, for pages on other sites, whose browser may keep none.
const FALLBACK: HeaderName = HeaderName::from_static("x-fallback-cookies");

/// Whether the page that asks is on this server's site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// It is, or it is no page.
    SameSite,
    /// It is on another.
    CrossSite,
}

/// Sets the cookies of a new session.
pub(super) fn set(
    response: &mut Response,
    visitor: &Visitor,
    page: Page,
    value: &str,
    seconds: i64,
) -> Result<(), ApiError> {
    put(response, visitor, value, seconds)?;
    if page == Page::CrossSite {
        let name = session_cookie(&visitor.identity.project);
        let map = serde_json::json!({ name: value }).to_string();
        let map = HeaderValue::from_str(&map).map_err(ApiError::internal)?;
        response.headers_mut().insert(FALLBACK, map);
    }
    Ok(())
}

/// Removes the cookies of a session that has ended.
pub(super) fn clear(response: &mut Response, visitor: &Visitor) -> Result<(), ApiError> {
    response
        .headers_mut()
        .insert(FALLBACK, HeaderValue::from_static("{}"));
    put(response, visitor, "", 0)
}

fn put(
    response: &mut Response,
    visitor: &Visitor,
    value: &str,
    seconds: i64,
) -> Result<(), ApiError> {
    for line in lines(&visitor.identity.project, visitor.transport, value, seconds) {
        let line = HeaderValue::from_str(&line).map_err(ApiError::internal)?;
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    Ok(())
}

/// The main cookie goes along from pages of every site; the legacy one is for browsers that do not
/// keep such cookies.
fn lines(project: &ProjectId, transport: Transport, value: &str, seconds: i64) -> [String; 2] {
    let name = session_cookie(project);
    let secure = match transport {
        Transport::Secure => "; Secure",
        Transport::Plain => "",
    };
    let attributes = format!("Path=/; Max-Age={seconds}; HttpOnly{secure}");
    [
        format!("{name}={value}; {attributes}; SameSite=None"),
        format!("{name}_legacy={value}; {attributes}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_see_no_cookie_and_tls_keeps_it() {
        let project = ProjectId::parse("one").unwrap();
        assert_eq!(
            lines(&project, Transport::Secure, "v", 60),
            [
                "a_session_one=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=None",
                "a_session_one_legacy=v; Path=/; Max-Age=60; HttpOnly; Secure",
            ]
        );
    }
}
