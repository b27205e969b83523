//! The items that are posted: numbered, so that whoever reads them can tell what is missing.

/// Bytes of an item's text, and of a row's payload in PostgreSQL.
pub(crate) const TEXT_BYTES: usize = 300;

/// Stands before the number in an item's text.
const LABEL: &str = "number:";

/// Digits of the number.
const DIGITS: usize = 10;

/// The text of an item with this number.
pub(crate) fn text(number: u64) -> String {
    let filling = TEXT_BYTES - LABEL.len() - DIGITS - 1;
    format!("{LABEL}{number:0DIGITS$} {}", ".".repeat(filling))
}

/// The JSON of an item with this number.
pub(crate) fn body(number: u64) -> String {
    let text = text(number);
    format!(r#"{{"itemId":"unique()","role":"user","parts":[{{"type":"text","text":"{text}"}}]}}"#)
}

/// The number of the item in this text, or `None` where there is none.
pub(crate) fn number_in(text: &str) -> Option<u64> {
    let begin = text.find(LABEL)? + LABEL.len();
    text.get(begin..begin + DIGITS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_its_size_and_its_number() -> anyhow::Result<()> {
        let value: serde_json::Value = serde_json::from_str(&body(123_456))?;
        let text = value["parts"][0]["text"].as_str().unwrap_or_default();
        assert_eq!(text.len(), TEXT_BYTES);
        assert_eq!(number_in(&body(123_456)), Some(123_456));
        Ok(())
    }

    #[test]
    fn other_texts_have_no_number() {
        for text in [
            "",
            "hello",
            "number:",
            "number:12",
            "number:twelve 12345",
            "number:0000ü00000",
        ] {
            assert_eq!(number_in(text), None, "{text}");
        }
    }
}
