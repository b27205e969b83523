//! End a session.

use super::{IdentityEvent, IdentityRefusal, SessionDeleted};
use crate::ids::{SessionId, UserId};

/// Ends a session of the caller's own.
#[derive(Debug, Clone, PartialEq)]
pub struct SignOut {
    /// Which.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
}

impl SignOut {
    /// `exists`: whether the user has the session.
    pub fn decide(self, exists: bool) -> Result<Vec<IdentityEvent>, IdentityRefusal> {
        if !exists {
            return Err(IdentityRefusal::SessionNotFound);
        }
        Ok(vec![
            SessionDeleted {
                session: self.session,
                user: self.user,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_out() -> SignOut {
        SignOut {
            session: SessionId::from_seed(b"s"),
            user: UserId::from_seed(b"u"),
        }
    }

    #[test]
    fn a_session_that_is_not_there_is_refused() {
        assert_eq!(
            sign_out().decide(false),
            Err(IdentityRefusal::SessionNotFound)
        );
    }

    #[test]
    fn a_session_ends() {
        let deleted = SessionDeleted {
            session: SessionId::from_seed(b"s"),
            user: UserId::from_seed(b"u"),
        };
        assert_eq!(sign_out().decide(true), Ok(vec![deleted.into()]));
    }
}
