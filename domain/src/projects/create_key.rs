//! Make an API key.

use super::{KeyCreated, ProjectEvent, ProjectRefusal};

/// Makes an API key.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateKey {
    /// The key to make.
    pub key: KeyCreated,
}

impl CreateKey {
    /// `taken`: whether a key has the id.
    pub fn decide(self, taken: bool) -> Result<Vec<ProjectEvent>, ProjectRefusal> {
        if taken {
            return Err(ProjectRefusal::KeyExists);
        }
        Ok(vec![self.key.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scopes;
    use crate::hash::Hash;
    use crate::ids::KeyId;

    fn key() -> KeyCreated {
        KeyCreated {
            key: KeyId::from_seed(b"k"),
            name: "importer".into(),
            scopes: Scopes::parse(&["threads.write"]).unwrap(),
            secret_hash: Hash::of_bytes(b"secret"),
            expire: None,
        }
    }

    #[test]
    fn an_id_that_is_taken_is_refused() {
        let refused = CreateKey { key: key() }.decide(true);
        assert_eq!(refused, Err(ProjectRefusal::KeyExists));
    }

    #[test]
    fn a_key_is_made_as_asked_for() {
        let made = CreateKey { key: key() }.decide(false);
        assert_eq!(made, Ok(vec![key().into()]));
    }
}
