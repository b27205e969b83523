//! Revoke an API key.

use super::{KeyDeleted, ProjectEvent, ProjectRefusal};
use crate::ids::KeyId;

/// Revokes an API key.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteKey {
    /// Which.
    pub key: KeyId,
}

impl DeleteKey {
    /// `exists`: whether the project has the key.
    pub fn decide(self, exists: bool) -> Result<Vec<ProjectEvent>, ProjectRefusal> {
        if !exists {
            return Err(ProjectRefusal::KeyNotFound);
        }
        Ok(vec![KeyDeleted { key: self.key }.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delete() -> DeleteKey {
        DeleteKey {
            key: KeyId::from_seed(b"k"),
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_refused() {
        assert_eq!(delete().decide(false), Err(ProjectRefusal::KeyNotFound));
    }

    #[test]
    fn a_key_is_revoked() {
        let deleted = KeyDeleted {
            key: KeyId::from_seed(b"k"),
        };
        assert_eq!(delete().decide(true), Ok(vec![deleted.into()]));
    }
}
