//! Register an account.

use super::{EmailAddress, IdentityEvent, IdentityRefusal, UserCreated, UserName};
use crate::ids::UserId;

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
}
