//! Register an account.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{IdentityEvent, IdentityRefusal, UserCreated};
use crate::ids::UserId;

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

/// Registers an account.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterUser {
    /// The new id.
    pub user: UserId,
    /// The address.
    pub email: EmailAddress,
    /// Argon2id in the PHC string format.
    pub password_hash: String,
    /// The name.
    pub name: UserName,
}

impl RegisterUser {
    /// `taken`: whether a user has the id or the address.
    pub fn decide(self, taken: bool) -> Result<Vec<IdentityEvent>, IdentityRefusal> {
        if taken {
            return Err(IdentityRefusal::UserExists);
        }
        let Self {
            user,
            email,
            password_hash,
            name,
        } = self;
        Ok(vec![
            UserCreated {
                user,
                email,
                password_hash,
                name,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> RegisterUser {
        RegisterUser {
            user: UserId::from_seed(b"u"),
            email: EmailAddress::parse("reader@example.com").unwrap(),
            password_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into(),
            name: UserName::default(),
        }
    }

    #[test]
    fn an_id_or_address_that_is_taken_is_refused() {
        assert_eq!(register().decide(true), Err(IdentityRefusal::UserExists));
    }

    #[test]
    fn a_new_account_is_registered_with_what_was_sent() {
        let RegisterUser {
            user,
            email,
            password_hash,
            name,
        } = register();
        let created = UserCreated {
            user,
            email,
            password_hash,
            name,
        };
        assert_eq!(register().decide(false), Ok(vec![created.into()]));
    }

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
