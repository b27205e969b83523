//! An e-mail address.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// An e-mail address, in lower case so that it is found again however it is typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(CompactString);

impl EmailAddress {
    /// Accepts what looks like an address: a local part and a domain, no white space, at most 320
    /// characters (RFC 3696 errata). Whether it can be reached, only a mail tells.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() <= 320 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let (local, domain) = text.rsplit_once('@')?;
        let labels = domain
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        let valid = plain
            && !local.is_empty()
            && local.len() <= 64
            && !local.contains('@')
            && domain.contains('.')
            && labels;
        valid.then(|| Self(CompactString::from(text.to_lowercase())))
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
    fn addresses_have_a_length() {
        let local = format!("{}@example.com", "a".repeat(65));
        let whole = format!("a@{}.com", "b".repeat(320));
        assert_eq!(EmailAddress::parse(&local), None);
        assert_eq!(EmailAddress::parse(&whole), None);
    }

    #[test]
    fn addresses() {
        for text in [
            "", "a", "a@", "@b.c", "a@b", "a b@c.d", "a@b..c", "a@-b.c", "a@b@c.d", "a@b.c\n",
        ] {
            assert_eq!(EmailAddress::parse(text), None, "{text:?}");
        }
        assert_eq!(
            EmailAddress::parse("Ann+x@Example.COM").map(|e| e.0),
            Some("ann+x@example.com".into())
        );
    }
}
