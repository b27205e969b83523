//! Which web pages may call: one rule for CORS, for cross-site request forgery and for WebSockets.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::error::{ApiError, ErrorType};

/// Whether pages on this machine may call, whatever their port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalPages {
    /// They may: for `everlog dev`.
    Allowed,
    /// Only where listed.
    Listed,
}

/// The origins (RFC 6454) that may call from a browser, beside the server's own.
#[derive(Debug, Clone)]
pub struct Origins {
    listed: Vec<String>,
    local: LocalPages,
}

impl Origins {
    /// From the configuration.
    #[must_use]
    pub fn new(listed: &[String], local: LocalPages) -> Self {
        let listed = listed.iter().map(|origin| {
            let origin = origin.trim().trim_end_matches('/');
            origin.to_ascii_lowercase()
        });
        Self {
            listed: listed.collect(),
            local,
        }
    }

    /// Whether another site's page may call and read the answer.
    #[must_use]
    pub fn lists(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        self.listed.contains(&origin)
            || (self.local == LocalPages::Allowed && host_of(&origin).is_some_and(is_local))
    }

    /// Refuses a request that a foreign page makes in the name of its visitor. Safe methods pass:
    /// their answers are unreadable to the page unless CORS says otherwise.
    pub fn check_forgery(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), ApiError> {
        if method.is_safe() {
            return Ok(());
        }
        self.check(uri, headers)
    }

    /// Refuses a request that comes from a foreign page. Browsers name the page in `Origin` (for
    /// WebSockets and unsafe methods always) or tell in `Sec-Fetch-Site` that it is foreign;
    /// other programs send neither.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let foreign = match headers.get(header::ORIGIN) {
            Some(origin) => !self.lists(origin) && !is_own(origin, uri, headers),
            None => headers
                .get("sec-fetch-site")
                .is_some_and(|site| site != "same-origin" && site != "none"),
        };
        if foreign {
            let message =
                "this origin may not call; the operator lists origins with --allowed-origin";
            return Err(ApiError::new(ErrorType::UnknownOrigin, message));
        }
        Ok(())
    }
}

fn is_own(origin: &HeaderValue, uri: &Uri, headers: &HeaderMap) -> bool {
    let own = own_authority(uri, headers);
    let page = origin.to_str().ok().and_then(authority_of);
    matches!((own, page), (Some(own), Some(page)) if own.eq_ignore_ascii_case(page))
}

/// What the client calls this server. HTTP/2 has it in the request's target (RFC 9113, 8.3.1).
fn own_authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    match headers.get(header::HOST) {
        Some(host) => host.to_str().ok(),
        None => uri.authority().map(Authority::as_str),
    }
}

fn authority_of(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, authority)| authority)
}

fn host_of(origin: &str) -> Option<&str> {
    let authority = authority_of(origin)?;
    let end = authority.rfind(':').filter(|_| !authority.ends_with(']'));
    Some(end.map_or(authority, |end| &authority[..end]))
}

fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Whether the page that calls is on another site than this server, as far as names tell: the
/// cookies of the answer may then not come back, and the page needs them in a header.
#[must_use]
pub(super) fn is_cross_site(uri: &Uri, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN);
    let origin = origin.and_then(|origin| origin.to_str().ok());
    let (Some(origin), Some(own)) = (origin, own_authority(uri, headers)) else {
        return false;
    };
    let own = host_of(&format!("x://{own}")).map(str::to_owned);
    match (host_of(origin), own) {
        (Some(page), Some(own)) => {
            let below =
                |a: &str, b: &str| a.strip_suffix(b).is_some_and(|rest| rest.ends_with('.'));
            page != own && !below(page, &own) && !below(&own, page)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// Of a request that names its server in the header `Host`.
    static PATH: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/v1/threads"));

    /// As HTTP/2 has it.
    fn target(authority: &str) -> Uri {
        format!("https://{authority}/v1/threads").parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                name.parse::<header::HeaderName>().unwrap(),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn foreign_pages_are_refused() {
        let origins = Origins::new(&["https://App.example.com/".into()], LocalPages::Listed);
        let host = ("host", "api.example.com");
        for origin in [
            "https://evil.example.com",
            "https://app.example.com.evil.net",
            "https://app.example.com:8443",
            "http://localhost:3000",
            "null",
            "",
        ] {
            let headers = headers(&[host, ("origin", origin)]);
            let forgery = |method| origins.check_forgery(&method, &PATH, &headers);
            assert!(origins.check(&PATH, &headers).is_err(), "{origin:?}");
            assert!(forgery(Method::POST).is_err());
            assert_eq!(forgery(Method::GET), Ok(()));
        }
        for site in ["cross-site", "same-site"] {
            let headers = headers(&[host, ("sec-fetch-site", site)]);
            assert!(origins.check(&PATH, &headers).is_err(), "{site}");
        }
    }

    #[test]
    fn own_and_listed_pages_and_other_programs_pass() {
        let origins = Origins::new(&["https://App.example.com/".into()], LocalPages::Listed);
        for pairs in [
            &[("host", "api.example.com")][..],
            &[
                ("host", "api.example.com"),
                ("origin", "https://api.example.com"),
            ],
            &[
                ("host", "api.example.com"),
                ("origin", "https://app.example.com"),
            ],
            &[("host", "a"), ("sec-fetch-site", "same-origin")],
        ] {
            assert_eq!(origins.check(&PATH, &headers(pairs)), Ok(()), "{pairs:?}");
        }
        let dev = Origins::new(&[], LocalPages::Allowed);
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:80",
        ] {
            let headers = headers(&[("host", "127.0.0.1:8080"), ("origin", origin)]);
            assert_eq!(dev.check(&PATH, &headers), Ok(()), "{origin}");
        }
        let foreign = headers(&[
            ("host", "127.0.0.1:8080"),
            ("origin", "http://localhost.evil"),
        ]);
        assert!(dev.check(&PATH, &foreign).is_err());
    }

    #[test]
    fn sites_are_told_apart_by_name() {
        for (host, origin, cross) in [
            ("api.example.com", "https://app.other.com", true),
            ("api.example.com", "https://example.com", false),
            ("localhost:8080", "http://localhost:3000", false),
            ("127.0.0.1:8080", "http://localhost:3000", true),
        ] {
            let page = [("host", host), ("origin", origin)];
            let cross_site = is_cross_site(&PATH, &headers(&page));
            assert_eq!(cross_site, cross, "{host} {origin}");
            let cross_site = is_cross_site(&target(host), &headers(&page[1..]));
            assert_eq!(cross_site, cross, "{host} {origin}");
        }
        assert!(!is_cross_site(&PATH, &headers(&[("host", "a")])));
    }

    #[test]
    fn without_a_host_header_the_target_names_the_server() {
        let origins = Origins::new(&[], LocalPages::Listed);
        let page = headers(&[("origin", "https://api.example.com")]);
        assert!(origins.check(&PATH, &page).is_err());
        assert_eq!(origins.check(&target("api.example.com"), &page), Ok(()));
        assert!(origins.check(&target("evil.example"), &page).is_err());
    }
}
