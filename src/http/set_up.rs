//! The first root user. Nothing starts open: whoever registers first in the console must hold the
//! token that the server printed at its start; after that, the console takes no registrations.

use std::sync::Arc;

use everlog_actors::Node;
use everlog_domain::ids::CONSOLE;
use everlog_domain::tables::system::users;
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::{ApiError, ErrorType};

/// The header that brings the token.
pub(super) const SETUP_TOKEN_HEADER: &str = "x-everlog-setup-token";

/// Whether the console waits for its first user.
pub struct SetUp {
    token: Arc<Mutex<Option<String>>>,
}

/// The right to register the first user. While it is held nobody else gets it.
pub struct FirstUser(OwnedMutexGuard<Option<String>>);

impl SetUp {
    /// Makes a token if the console has no user.
    pub async fn of(node: &Node) -> Result<Self, ApiError> {
        let waits = !has_user(node).await?;
        let token = waits.then(|| hex::encode(crate::random::bytes::<16>()));
        Ok(Self {
            token: Arc::new(Mutex::new(token)),
        })
    }

    /// The token, for the operator; nothing once there is a root user.
    pub async fn token(&self) -> Option<String> {
        self.token.lock().await.clone()
    }

    /// Checks the token of a registration in the console.
    pub async fn first_user(
        &self,
        node: &Node,
        presented: Option<&str>,
    ) -> Result<FirstUser, ApiError> {
        let mut token = Arc::clone(&self.token).lock_owned().await;
        // who was granted before may not have learnt of it
        if token.is_some() && has_user(node).await? {
            *token = None;
        }
        let Some(expected) = token.as_deref() else {
            let message = "the console has its root user and takes no registrations";
            return Err(ApiError::new(ErrorType::RegistrationClosed, message));
        };
        let right = presented.is_some_and(|it| it.as_bytes().ct_eq(expected.as_bytes()).into());
        if !right {
            let message = "the first root user needs X-Everlog-Setup-Token: the server printed it at its start";
            return Err(ApiError::new(ErrorType::SetupTokenRequired, message));
        }
        Ok(FirstUser(token))
    }
}

async fn has_user(node: &Node) -> Result<bool, ApiError> {
    let users = node.reads().run(CONSOLE, |view, _| {
        view.scan(CONSOLE, users::TABLE, &[], None, 1)
    });
    Ok(!users.await??.is_empty())
}

impl FirstUser {
    /// The user is registered: the token is void from here on.
    pub fn registered(mut self) {
        *self.0 = None;
    }
}
