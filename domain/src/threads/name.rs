//! A thread's name.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Longest name of a thread, in characters.
const MAX_NAME: usize = 256;

/// A thread's name: 1 to 256 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ThreadName(CompactString);

impl ThreadName {
    /// Accepts a name; nothing if it is empty or too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let length = text.chars().count();
        (1..=MAX_NAME)
            .contains(&length)
            .then(|| Self(CompactString::new(text)))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_length() {
        let long = "é".repeat(MAX_NAME + 1);
        assert_eq!(ThreadName::parse(""), None);
        assert_eq!(ThreadName::parse(&long), None);
        let longest = "é".repeat(MAX_NAME);
        assert_eq!(
            ThreadName::parse(&longest).map(|n| n.as_str().to_owned()),
            Some(longest)
        );
    }
}
