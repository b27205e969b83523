//! `/v1/account/sessions`, in Appwrite's wire form.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use everlog_actors::ProjectCommand;
use everlog_domain::access::Privilege;
use everlog_domain::identity::{
    EmailAddress, IdentityRefusal, SESSION_SECONDS, SessionCreated, SignIn, SignOut,
};
use everlog_domain::ids::{SessionId, UserId};
use everlog_domain::tables::Row;
use everlog_domain::tables::system::{sessions, users};
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};

use super::account::email;
use super::asked::{Asked, Nothing};
use super::cells::{cell, text, time};
use super::edge::Edge;
use super::origins::is_cross_site;
use super::path::Path;
use super::session_cookies::{self, Page};
use super::visitor::Visitor;
use super::writing::{ask_project, written};
use crate::error::{ApiError, ErrorType};
use crate::json_answer::JsonAnswer;
use crate::key_text::SessionText;
use crate::passwords::Password;

/// Longest name of a program that is kept with a session, in characters.
const MAX_USER_AGENT: usize = 256;

/// `POST /v1/account/sessions/email`
#[derive(Deserialize)]
pub(super) struct EmailBody {
    email: String,
    password: String,
}

pub(super) async fn create_by_email(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    asked: Asked<EmailBody>,
) -> Result<Response, ApiError> {
    visitor.require("sessions.write")?;
    asked.refuse_name()?;
    let email = email(&asked.value.email)?;
    let password = Password::parse(&asked.value.password)?;
    let (user, user_row) = prove(&edge, &visitor, &email, password).await?;
    let secret = SessionText::new(&user);
    let session = new_session(&visitor, &headers, user, &secret);
    let command = ProjectCommand::SignIn(SignIn {
        session: session.clone(),
    });
    let granted = ask_project(&edge, &visitor, "sessions.write", command, None).await?;
    let row = read(&edge, &visitor, &session.user, &session.session).await?;
    let mut answer = SessionAnswer::of_row(&row, &text(&user_row, users::EMAIL));
    answer.current = true;
    if visitor.caller().privilege == Privilege::Key {
        secret.secret().clone_into(&mut answer.secret);
    }
    let mut response = written(
        &edge,
        &visitor,
        &granted,
        StatusCode::CREATED,
        JsonAnswer(answer),
    )
    .await?;
    let page = match is_cross_site(&uri, &headers) {
        true => Page::CrossSite,
        false => Page::SameSite,
    };
    session_cookies::set(
        &mut response,
        &visitor,
        page,
        &secret.reveal(),
        SESSION_SECONDS,
    )?;
    Ok(response)
}

/// Checks a password. The same work is done, and the same is answered, for an address that nobody
/// has.
async fn prove(
    edge: &Edge,
    visitor: &Visitor,
    email: &EmailAddress,
    password: Password,
) -> Result<(UserId, Row), ApiError> {
    let project = visitor.caller().project;
    let limited = visitor.caller().privilege == Privilege::Ordinary;
    if limited {
        edge.attempts
            .at_account(project, email.as_str(), visitor.address)?;
    }
    let value = [Value::text(email.as_str())];
    let row = edge.node.reads();
    let row = row.run(project, move |view, _| {
        view.find(project, users::TABLE, users::BY_EMAIL, &value)
    });
    let row = row.await??;
    let hash = row.as_ref().map(|row| text(row, users::PASSWORD_HASH));
    let right = edge.passwords.verify(project, password, hash).await?;
    let Some(row) = row.filter(|_| right) else {
        let message = "no account with this address and password was found";
        return Err(ApiError::new(ErrorType::UserInvalidCredentials, message));
    };
    if limited {
        edge.attempts
            .succeeded(project, email.as_str(), visitor.address);
    }
    let user = UserId::parse(&text(&row, users::ID)).map_err(ApiError::internal)?;
    Ok((user, row))
}

/// Each sign-in makes a session of its own: an id that somebody planted is worth nothing.
fn new_session(
    visitor: &Visitor,
    headers: &HeaderMap,
    user: UserId,
    secret: &SessionText,
) -> SessionCreated {
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let agent: String = agent
        .unwrap_or_default()
        .chars()
        .take(MAX_USER_AGENT)
        .collect();
    SessionCreated {
        session: SessionId::from_seed(&crate::random::bytes::<32>()),
        user,
        secret_hash: secret.secret_hash(),
        expire: crate::clock::now().plus_seconds(SESSION_SECONDS),
        provider: "email".into(),
        ip: visitor.address.to_string().into(),
        user_agent: agent.into(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionPath {
    session_id: String,
}

impl SessionPath {
    /// `current` stands for the session that the request came with.
    fn session(&self, visitor: &Visitor) -> Result<SessionId, ApiError> {
        let found = match self.session_id.as_str() {
            "current" => visitor.identity.session.clone(),
            id => SessionId::parse(id).ok(),
        };
        found.ok_or_else(|| IdentityRefusal::SessionNotFound.into())
    }
}

/// `GET /v1/account/sessions/{sessionId}`
pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<SessionPath>,
) -> Result<Response, ApiError> {
    visitor.require("account")?;
    let user = visitor.user()?;
    let session = path.session(&visitor)?;
    let row = read(&edge, &visitor, user, &session).await?;
    let mut answer = SessionAnswer::of_row(&row, "");
    answer.current = visitor.identity.session.as_ref() == Some(&session);
    Ok(JsonAnswer(answer).into_response())
}

/// `DELETE /v1/account/sessions/{sessionId}`
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    Path(path): Path<SessionPath>,
    asked: Asked<Nothing>,
) -> Result<Response, ApiError> {
    visitor.require("account")?;
    let user = visitor.user()?.clone();
    let session = path.session(&visitor)?;
    let own = visitor.identity.session.as_ref() == Some(&session);
    let command = ProjectCommand::SignOut(SignOut { session, user });
    let wish = asked.wish(&edge, &visitor);
    let granted = ask_project(&edge, &visitor, "account", command, wish).await?;
    let mut response = written(&edge, &visitor, &granted, StatusCode::NO_CONTENT, ()).await?;
    if own {
        session_cookies::clear(&mut response, &visitor)?;
    }
    Ok(response)
}

async fn read(
    edge: &Edge,
    visitor: &Visitor,
    user: &UserId,
    session: &SessionId,
) -> Result<Row, ApiError> {
    let project = visitor.caller().project;
    let key = [Value::text(user.as_str()), Value::text(session.as_str())];
    let row = edge.node.reads().run(project, move |view, _| {
        view.get(project, sessions::TABLE, &key)
    });
    row.await??
        .ok_or_else(|| IdentityRefusal::SessionNotFound.into())
}

/// Appwrite's `Session`. What this server does not find out is neutral.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionAnswer {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
    user_id: String,
    expire: String,
    provider: String,
    provider_uid: String,
    provider_access_token: &'static str,
    provider_access_token_expiry: &'static str,
    provider_refresh_token: &'static str,
    ip: String,
    os_code: &'static str,
    os_name: &'static str,
    os_version: &'static str,
    client_type: &'static str,
    client_code: &'static str,
    client_name: &'static str,
    client_version: &'static str,
    client_engine: &'static str,
    client_engine_version: &'static str,
    device_name: &'static str,
    device_brand: &'static str,
    device_model: &'static str,
    country_code: &'static str,
    country_name: &'static str,
    current: bool,
    factors: [&'static str; 1],
    /// Blank unless the caller is a key.
    secret: String,
    mfa_updated_at: &'static str,
}

impl SessionAnswer {
    fn of_row(row: &[Value], provider_uid: &str) -> Self {
        Self {
            id: text(row, sessions::ID),
            created_at: time(row, sessions::CREATED_AT),
            updated_at: time(row, sessions::CREATED_AT),
            user_id: text(row, sessions::USER),
            expire: cell(row, sessions::EXPIRE)
                .as_time()
                .unwrap_or_default()
                .to_string(),
            provider: text(row, sessions::PROVIDER),
            provider_uid: provider_uid.to_owned(),
            ip: text(row, sessions::IP),
            country_code: "--",
            country_name: "Unknown",
            factors: ["password"],
            ..Self::default()
        }
    }
}
