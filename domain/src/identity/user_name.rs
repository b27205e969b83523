//! A person's name.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A person's name: at most 128 characters, may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserName(CompactString);

impl UserName {
    /// Accepts a name; nothing if it is too long.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.chars().count() <= 128).then(|| Self(CompactString::new(text)))
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
        assert_eq!(UserName::parse(&"é".repeat(129)), None);
        let longest = "é".repeat(128);
        assert_eq!(
            UserName::parse(&longest).map(|name| name.as_str().to_owned()),
            Some(longest)
        );
        assert_eq!(UserName::parse(""), Some(UserName::default()));
    }
}
