//! Make a session for somebody whose password was right.

use super::{IdentityEvent, SessionCreated, SessionDeleted};
use crate::ids::SessionId;

/// Sessions that one user may have; the oldest give way.
pub const MAX_SESSIONS: usize = 10;
/// A session lives a year.
pub const SESSION_SECONDS: i64 = 365 * 24 * 3600;

/// Makes a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SignIn {
    /// The session to make.
    pub session: SessionCreated,
}

impl SignIn {
    /// `sessions`: those that the user has, oldest first.
    #[must_use]
    pub fn decide(self, sessions: &[SessionId]) -> Vec<IdentityEvent> {
        let too_many = (sessions.len() + 1).saturating_sub(MAX_SESSIONS);
        let user = self.session.user.clone();
        let displaced = sessions.iter().take(too_many).cloned();
        let displaced = displaced.map(|session| {
            SessionDeleted {
                session,
                user: user.clone(),
            }
            .into()
        });
        let made = std::iter::once(self.session.clone().into());
        displaced.chain(made).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::ids::UserId;
    use crate::time::Time;

    #[test]
    fn the_oldest_session_gives_way() {
        let ids: Vec<SessionId> = (0..10u8).map(|n| SessionId::from_seed(&[n])).collect();
        let session = SessionCreated {
            session: SessionId::from_seed(b"new"),
            user: UserId::from_seed(b"u"),
            secret_hash: Hash::of(&[]),
            expire: Time(0),
            provider: "email".into(),
            ip: "".into(),
            user_agent: "".into(),
        };
        let none = SignIn {
            session: session.clone(),
        }
        .decide(&ids[..9]);
        assert_eq!(none, vec![IdentityEvent::from(session.clone())]);
        let one = SignIn {
            session: session.clone(),
        }
        .decide(&ids);
        let gone = SessionDeleted {
            session: ids[0].clone(),
            user: session.user.clone(),
        };
        assert_eq!(one, vec![gone.into(), session.into()]);
    }
}
