//! Who makes a request, as handlers see it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use everlog_domain::access::{Caller, Privilege};
use everlog_domain::ids::UserId;

use super::client_address::Transport;
use super::credentials::Credentials;
use super::edge::Edge;
use super::identity::Identity;
use crate::error::{ApiError, ErrorType};

/// Somebody who makes a request, authenticated.
#[derive(Clone)]
pub struct Visitor {
    /// What it brought, to authenticate again if access moves meanwhile.
    pub credentials: Arc<Credentials>,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// From which address.
    pub address: IpAddr,
    /// How the connection came.
    pub transport: Transport,
}

impl Visitor {
    /// As the rules know it.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.identity.caller
    }

    /// Refuses who lacks a scope.
    pub fn require(&self, scope: &str) -> Result<(), ApiError> {
        if self.caller().scopes.contains(scope) {
            return Ok(());
        }
        let message = format!("{} lacks the scope {scope}", self.caller().principal);
        Err(ApiError::new(ErrorType::UnauthorizedScope, message))
    }

    /// The signed-in user; keys and guests have no account.
    pub fn user(&self) -> Result<&UserId, ApiError> {
        match &self.caller().principal {
            everlog_domain::access::Principal::User(id) => Ok(id),
            other => {
                let message = format!("{other} has no account; sign in");
                Err(ApiError::new(ErrorType::UnauthorizedScope, message))
            }
        }
    }

    /// Authenticates again, because access moved.
    pub async fn again(&self, edge: &Edge) -> Result<Self, ApiError> {
        let now = crate::clock::now();
        let identity = edge.identities.identify(&edge.node, &self.credentials, now);
        Ok(Self {
            identity: identity.await?,
            ..self.clone()
        })
    }
}

impl FromRequestParts<Arc<Edge>> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, ApiError> {
        // Only this process can set extensions: a live socket gives its own credentials so.
        let credentials = match parts.extensions.get::<Arc<Credentials>>() {
            Some(credentials) => {
                credentials.check_project(parts)?;
                Arc::clone(credentials)
            }
            None => Arc::new(Credentials::of(parts)?),
        };
        let now = crate::clock::now();
        let identity = edge
            .identities
            .identify(&edge.node, &credentials, now)
            .await?;
        if identity.caller.privilege == Privilege::Ordinary {
            let Parts {
                method,
                uri,
                headers,
                ..
            } = parts;
            edge.origins.check_forgery(method, uri, headers)?;
        }
        Ok(Self {
            credentials,
            identity,
            address: edge.addresses.client(parts),
            transport: edge.addresses.transport(parts),
        })
    }
}
