//! API keys and session secrets as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use everlog_domain::hash::Hash;
use everlog_domain::ids::{KeyId, ProjectId, UserId};
use serde::{Deserialize, Serialize};

/// An API key as clients send it: `standard_{projectId}~{keyId}~{64 hexadecimal characters}`.
/// Ids have no `~`, and the prefix before `_` is Appwrite's kind of key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Its id.
    pub key: KeyId,
    /// What proves it. Never printed but once.
    secret: String,
}

impl KeyText {
    /// A new key's text, with a secret of 256 random bits.
    #[must_use]
    pub fn new(project: ProjectId, key: KeyId) -> Self {
        let secret = hex::encode(crate::random::bytes::<32>());
        Self {
            project,
            key,
            secret,
        }
    }

    /// Reads a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.strip_prefix("standard_")?.split('~');
        let (project, key, secret) = (fields.next()?, fields.next()?, fields.next()?);
        let is_secret = secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit());
        if fields.next().is_some() || !is_secret {
            return None;
        }
        Some(Self {
            project: ProjectId::parse(project).ok()?,
            key: KeyId::parse(key).ok()?,
            secret: secret.to_owned(),
        })
    }

    /// What is stored of the secret.
    #[must_use]
    pub fn secret_hash(&self) -> Hash {
        Hash::of_bytes(self.secret.as_bytes())
    }

    /// The text, secret included: for the one who gets the key.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("standard_{}~{}~{}", self.project, self.key, self.secret)
    }
}

/// A session as cookies and headers bear it: base64 of JSON `{"id","secret"}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionText {
    /// Whose.
    id: String,
    /// 256 hexadecimal characters.
    secret: String,
}

impl SessionText {
    /// A new session's text, with a secret of 1,024 random bits.
    #[must_use]
    pub fn new(user: &UserId) -> Self {
        Self {
            id: user.to_string(),
            secret: hex::encode(crate::random::bytes::<128>()),
        }
    }

    /// Reads a session's text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // a user id has 36 characters at most, so anything longer is none
        if text.len() > 1_024 {
            return None;
        }
        serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
    }

    /// Whose it says it is.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.id
    }

    /// The secret, for the one who gets the session.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What is stored of the secret.
    #[must_use]
    pub fn secret_hash(&self) -> Hash {
        Hash::of_bytes(self.secret.as_bytes())
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> String {
        let json = serde_json::json!({ "id": self.id, "secret": self.secret });
        STANDARD.encode(json.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_refused() {
        let secret = "0".repeat(64);
        for text in [
            "".to_owned(),
            "standard_".to_owned(),
            format!("p~k~{secret}"),
            format!("ephemeral_p~k~{secret}"),
            format!("standard_p~k~{}", &secret[1..]),
            format!("standard_p~k~{}g", &secret[1..]),
            format!("standard_p~k~{secret}~"),
            format!("standard_~k~{secret}"),
            format!("standard_p/q~k~{secret}"),
        ] {
            assert!(KeyText::parse(&text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn keys_and_sessions_read_back_as_written() {
        let (project, key) = (ProjectId::from_seed(b"p"), KeyId::from_seed(b"k"));
        let text = KeyText::new(project, key);
        assert!(KeyText::parse(&text.reveal()) == Some(text));
        let session = SessionText::new(&UserId::from_seed(b"u"));
        assert_eq!(session.secret().len(), 256);
        assert!(SessionText::parse(&session.reveal()) == Some(session));
        for text in ["", "*", "e30=", "bnVsbA==", &"A".repeat(2_000)] {
            assert!(SessionText::parse(text).is_none(), "{text:?}");
        }
    }
}
