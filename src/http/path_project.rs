//! `/p/{project}/v1/…`: for clients that can set neither a header nor a query. The path loses its
//! first two parts before the routes see it.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use super::credentials::PathProject;

/// Takes the project out of the path.
pub(super) fn take<B>(mut request: Request<B>) -> Request<B> {
    let Some((project, rest)) = split(request.uri()) else {
        return request;
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(rest);
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(PathProject(project));
    }
    request
}

fn split(uri: &Uri) -> Option<(String, PathAndQuery)> {
    let path = uri.path_and_query()?.as_str().strip_prefix("/p/")?;
    let (project, _) = path.split_once('/')?;
    let rest = path.get(project.len()..)?.parse().ok()?;
    Some((project.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_project_is_taken() {
        for (uri, expected) in [
            ("/v1/threads", ("/v1/threads", None)),
            (
                "/p/one/v1/threads?a=b/c",
                ("/v1/threads?a=b/c", Some("one")),
            ),
            ("/p/one/p/two/v1", ("/p/two/v1", Some("one"))),
            ("/p/one", ("/p/one", None)),
            ("/p//v1", ("/v1", Some(""))),
            ("/v1/p/one/x", ("/v1/p/one/x", None)),
        ] {
            let request = take(Request::builder().uri(uri).body(()).unwrap());
            let project = request
                .extensions()
                .get::<PathProject>()
                .map(|it| it.0.as_str());
            assert_eq!((request.uri().to_string().as_str(), project), expected);
        }
    }
}
