//! In which form the log is answered.

use axum::http::{HeaderMap, header};

/// A form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON object with a page of events.
    Json,
    /// An event a line, as long as there are any.
    Lines(&'static str),
    /// Server-sent events.
    Events,
}

impl Form {
    /// The form that a request accepts most (RFC 9110, 12.5.1); JSON if it says nothing that is
    /// known here.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).into_iter();
        let ranges = lines.filter_map(|line| line.to_str().ok());
        let mut best = (0, Self::Json);
        for range in ranges.flat_map(|line| line.split(',')) {
            let mut parameters = range.split(';').map(str::trim);
            let form = parameters.next().and_then(Self::of);
            let weight = parameters.find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim()
                    .eq_ignore_ascii_case("q")
                    .then(|| thousandths(value))
            });
            let weight = weight.unwrap_or(1_000);
            if let Some(form) = form
                && weight > best.0
            {
                best = (weight, form);
            }
        }
        best.1
    }

    fn of(range: &str) -> Option<Self> {
        let form = match range.to_ascii_lowercase().as_str() {
            "application/json" | "application/*" | "*/*" => Self::Json,
            "application/jsonl" => Self::Lines("application/jsonl"),
            "application/x-ndjson" => Self::Lines("application/x-ndjson"),
            "text/event-stream" | "text/*" => Self::Events,
            _ => return None,
        };
        Some(form)
    }
}

/// A weight from 0 to 1 with at most three digits; what is none counts for nothing.
fn thousandths(weight: &str) -> u32 {
    match weight.trim().split_once('.') {
        None => weight
            .trim()
            .parse()
            .map_or(0, |whole: u32| whole.min(1) * 1_000),
        Some(("1", _)) => 1_000,
        Some(("0", digits)) if digits.len() <= 3 => format!("{digits:0<3}").parse().unwrap_or(0),
        Some(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_accepted_most() {
        let jsonl = Form::Lines("application/jsonl");
        for (accept, expected) in [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("image/png", Form::Json),
            ("text/event-stream", Form::Events),
            ("Application/JSONL", jsonl),
            ("application/x-ndjson", Form::Lines("application/x-ndjson")),
            ("text/event-stream;q=0.5, application/jsonl;q=0.75", jsonl),
            ("application/jsonl, text/event-stream", jsonl),
            ("application/jsonl;q=0, */*;q=0.1", Form::Json),
            ("text/event-stream;q=nonsense", Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(Form::accepted(&headers), expected, "{accept:?}");
        }
    }
}
