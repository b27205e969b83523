//! People: accounts and sessions. The minimum that is right; teams, MFA and the rest come later.
//!
//! Passwords are hashed before they get here (Argon2id, on a bounded pool at the edge), secrets of
//! sessions are known by their SHA-256 only.

mod email_address;
mod event;
mod register_user;
pub mod rows;
mod sign_in;
mod sign_out;
mod user_name;

use thiserror::Error;

pub use email_address::EmailAddress;
pub use event::{IdentityEvent, SessionCreated, SessionDeleted, UserCreated};
pub use register_user::RegisterUser;
pub use sign_in::{MAX_SESSIONS, SESSION_SECONDS, SignIn};
pub use sign_out::SignOut;
pub use user_name::UserName;

/// Why a wish about an account is not granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityRefusal {
    /// The id or the address is taken. One answer for both, as in Appwrite.
    #[error("a user with the same id or email exists already")]
    UserExists,
    /// No such session.
    #[error("no session with this id was found")]
    SessionNotFound,
}
