//! Which web pages may call: one rule for CORS, for cross-site request forgery and for WebSockets.

use axum::http::{HeaderMap, HeaderValue, Method, header};

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
    pub fn check_forgery(&self, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
        if method.is_safe() {
            return Ok(());
        }
        self.check(headers)
    }

    /// Refuses a request that comes from a foreign page. Browsers name the page in `Origin` (for
    /// WebSockets and unsafe methods always) or tell in `Sec-Fetch-Site` that it is foreign;
    /// other programs send neither.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let foreign = match headers.get(header::ORIGIN) {
            Some(origin) => !self.lists(origin) && !is_own(origin, headers),
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

fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let own = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let page = origin.to_str().ok().and_then(authority_of);
    matches!((own, page), (Some(own), Some(page)) if own.eq_ignore_ascii_case(page))
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
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let (Some(origin), Some(own)) = (text(header::ORIGIN), text(header::HOST)) else {
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
    use super::*;

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
            assert!(origins.check(&headers).is_err(), "{origin:?}");
            assert!(origins.check_forgery(&Method::POST, &headers).is_err());
            assert_eq!(origins.check_forgery(&Method::GET, &headers), Ok(()));
        }
        for site in ["cross-site", "same-site"] {
            let headers = headers(&[host, ("sec-fetch-site", site)]);
            assert!(origins.check(&headers).is_err(), "{site}");
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
            assert_eq!(origins.check(&headers(pairs)), Ok(()), "{pairs:?}");
        }
        let dev = Origins::new(&[], LocalPages::Allowed);
        for origin in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:80",
        ] {
            let headers = headers(&[("host", "127.0.0.1:8080"), ("origin", origin)]);
            assert_eq!(dev.check(&headers), Ok(()), "{origin}");
        }
        let foreign = headers(&[
            ("host", "127.0.0.1:8080"),
            ("origin", "http://localhost.evil"),
        ]);
        assert!(dev.check(&foreign).is_err());
    }

    #[test]
    fn sites_are_told_apart_by_name() {
        for (host, origin, cross) in [
            ("api.example.com", "https://app.other.com", true),
            ("api.example.com", "https://example.com", false),
            ("localhost:8080", "http://localhost:3000", false),
            ("127.0.0.1:8080", "http://localhost:3000", true),
        ] {
            let headers = headers(&[("host", host), ("origin", origin)]);
            assert_eq!(is_cross_site(&headers), cross, "{host} {origin}");
        }
        assert!(!is_cross_site(&headers(&[("host", "a")])));
    }
}
