//! `/v1/account`, in Appwrite's wire form.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use everlog_actors::{Granted, ProjectCommand};
use everlog_domain::access::Privilege;
use everlog_domain::envelope::{Envelope, Idempotency};
use everlog_domain::event::Event;
use everlog_domain::identity::{EmailAddress, IdentityEvent, RegisterUser, UserCreated, UserName};
use everlog_domain::ids::{CONSOLE, UserId};
use everlog_domain::tables::system::users;
use everlog_domain::value::Value;
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::asked::Asked;
use super::cells::{cell, text, texts, time};
use super::edge::Edge;
use super::new_id::new_id;
use super::set_up::SETUP_TOKEN_HEADER;
use super::visitor::Visitor;
use super::writing::{ask_project, written};
use crate::error::{ApiError, ErrorType};
use crate::json_answer::JsonAnswer;
use crate::passwords::Password;

/// More seconds than a request may take.
const LONGEST_REQUEST: i64 = 120;

/// `POST /v1/account`. Unknown fields are ignored, as in Appwrite: its clients may send more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateBody {
    user_id: String,
    email: String,
    password: String,
    name: Option<String>,
}

/// Registers. In the console only the first user, with the set-up token.
pub(super) async fn create(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
    headers: HeaderMap,
    asked: Asked<CreateBody>,
) -> Result<Response, ApiError> {
    visitor.require("sessions.write")?;
    if visitor.caller().privilege == Privilege::Ordinary {
        edge.attempts.by_address(visitor.address)?;
    }
    let registration = Registration::read(&edge, &visitor, &asked)?;
    let granted = match visitor.caller().project {
        CONSOLE => {
            let token = headers.get(SETUP_TOKEN_HEADER);
            let token = token.and_then(|value| value.to_str().ok());
            register_first(&edge, &visitor, registration, token).await?
        }
        _ => registration.ask(&edge, &visitor).await?,
    };
    let body = JsonAnswer(registered(&granted)?);
    written(&edge, &visitor, &granted, StatusCode::CREATED, body).await
}

/// A wish to register, whose values hold.
struct Registration {
    user: UserId,
    email: EmailAddress,
    password: Password,
    name: UserName,
    wish: Option<Idempotency>,
}

impl Registration {
    fn read(edge: &Edge, visitor: &Visitor, asked: &Asked<CreateBody>) -> Result<Self, ApiError> {
        let body = &asked.value;
        let email = email(&body.email)?;
        let password = Password::parse(&body.password)?;
        let name = body.name.as_deref().unwrap_or_default();
        let wrong = || ApiError::argument("name", "expected at most 128 characters");
        let name = UserName::parse(name).ok_or_else(wrong)?;
        // A hash of the password must not get into the log, not even as part of a body's hash.
        let fields = [body.user_id.as_str(), email.as_str(), name.as_str()].map(str::as_bytes);
        let wish = asked.wish_of(edge, visitor, email.as_str().as_bytes(), &fields);
        let chosen = Some(body.user_id.as_str());
        let user = new_id(
            "userId",
            chosen,
            wish.as_ref(),
            UserId::parse,
            UserId::from_seed,
        )?
        .id;
        Ok(Self {
            user,
            email,
            password,
            name,
            wish,
        })
    }

    async fn ask(self, edge: &Edge, visitor: &Visitor) -> Result<Granted, ApiError> {
        let project = visitor.caller().project;
        let command = ProjectCommand::RegisterUser(RegisterUser {
            user: self.user,
            email: self.email,
            // hashed before anybody looks whether the address is taken: the time tells nothing
            password_hash: edge.passwords.hash(project, self.password).await?,
            name: self.name,
        });
        ask_project(edge, visitor, "sessions.write", command, self.wish).await
    }
}

/// Registers the console's first user. A repetition needs no token, which is void by then: it
/// changes nothing, and gets the answer again.
async fn register_first(
    edge: &Arc<Edge>,
    visitor: &Visitor,
    registration: Registration,
    token: Option<&str>,
) -> Result<Granted, ApiError> {
    if was_granted(edge, registration.wish.as_ref()).await? {
        return registration.ask(edge, visitor).await;
    }
    let first = edge.set_up.first_user(&edge.node, token).await?;
    let (edge, visitor) = (Arc::clone(edge), visitor.clone());
    // In a task of its own: whoever asks may leave before the answer, and the next one must not get
    // the right to register before this user is there to be seen.
    let registering = tokio::spawn(
        async move {
            let granted = registration.ask(&edge, &visitor).await?;
            first.registered();
            Ok(granted)
        }
        .in_current_span(),
    );
    registering.await.map_err(ApiError::internal)?
}

/// Whether the console granted a wish, and will still know it when it is asked again.
async fn was_granted(edge: &Edge, wish: Option<&Idempotency>) -> Result<bool, ApiError> {
    let Some(scope) = wish.map(|wish| wish.scope) else {
        return Ok(false);
    };
    let later = crate::clock::now().plus_seconds(LONGEST_REQUEST);
    let granted = edge
        .node
        .reads()
        .run(CONSOLE, move |view, _| view.granted(CONSOLE, &scope, later));
    Ok(granted.await??.is_some())
}

pub(super) fn email(text: &str) -> Result<EmailAddress, ApiError> {
    let wrong = || ApiError::argument("email", "expected an address as in ann@example.com");
    EmailAddress::parse(text).ok_or_else(wrong)
}

fn registered(granted: &Granted) -> Result<UserAnswer, ApiError> {
    granted
        .events
        .iter()
        .find_map(|recorded| match &recorded.event {
            Event::Identity(IdentityEvent::UserCreated(created)) => {
                Some(UserAnswer::of_creation(&recorded.envelope, created))
            }
            _ => None,
        })
        .ok_or_else(|| ApiError::internal("a registered user without its event"))
}

/// `GET /v1/account`
pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    visitor: Visitor,
) -> Result<Response, ApiError> {
    visitor.require("account")?;
    let project = visitor.caller().project;
    let key = [Value::text(visitor.user()?.as_str())];
    let row = edge.node.reads().run(project, move |view, _| {
        view.get(project, users::TABLE, &key)
    });
    let gone = || ApiError::new(ErrorType::UserUnauthorized, "the account is gone");
    let row = row.await??.ok_or_else(gone)?;
    Ok(JsonAnswer(UserAnswer::of_row(&row)).into_response())
}

/// Appwrite's `User`. What this server does not have yet is neutral.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserAnswer {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: String,
    #[serde(rename = "$updatedAt")]
    updated_at: String,
    name: String,
    registration: String,
    status: bool,
    labels: Vec<String>,
    password_update: String,
    email: String,
    phone: &'static str,
    email_verification: bool,
    phone_verification: bool,
    mfa: bool,
    prefs: Empty,
    targets: [Empty; 0],
    accessed_at: String,
}

/// `{}`
#[derive(Debug, Serialize)]
struct Empty {}

impl UserAnswer {
    fn of_row(row: &[Value]) -> Self {
        Self {
            id: text(row, users::ID),
            created_at: time(row, users::CREATED_AT),
            updated_at: time(row, users::UPDATED_AT),
            name: text(row, users::NAME),
            registration: time(row, users::CREATED_AT),
            labels: texts(row, users::LABELS).map(str::to_owned).collect(),
            password_update: time(row, users::PASSWORD_UPDATED_AT),
            email: text(row, users::EMAIL),
            email_verification: *cell(row, users::EMAIL_VERIFIED) == Value::Bool(true),
            accessed_at: time(row, users::UPDATED_AT),
            status: true,
            phone: "",
            phone_verification: false,
            mfa: false,
            prefs: Empty {},
            targets: [],
        }
    }

    fn of_creation(envelope: &Envelope, created: &UserCreated) -> Self {
        let time = envelope.time.to_string();
        Self {
            id: created.user.to_string(),
            created_at: time.clone(),
            updated_at: time.clone(),
            name: created.name.as_str().to_owned(),
            registration: time.clone(),
            labels: Vec::new(),
            password_update: time.clone(),
            email: created.email.as_str().to_owned(),
            email_verification: false,
            accessed_at: time,
            status: true,
            phone: "",
            phone_verification: false,
            mfa: false,
            prefs: Empty {},
            targets: [],
        }
    }
}
