//! The one map from refusals to status codes and types. The `type`s are Appwrite's where it has
//! the case, and our own elsewhere; `docs/http.md` lists them.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use everlog_actors::Refused;
use everlog_domain::identity::IdentityRefusal;
use everlog_domain::ports::{ReadFailure, RowsFailure};
use everlog_domain::projects::ProjectRefusal;
use everlog_domain::thread_templates::TemplateRefusal;
use everlog_domain::threads::ThreadRefusal;
use serde::Serialize;

use crate::json_answer::JsonAnswer;
use crate::request_id::RequestId;

macro_rules! error_types {
    ($($variant:ident = $status:literal $name:literal),+ $(,)?) => {
        /// Every kind of error that the interface knows, with its stable name and status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorType {
            $(#[doc = concat!("`", $name, "`, ", stringify!($status))] $variant),+
        }

        impl ErrorType {
            /// Every type, for the documentation's test.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name for machines.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> StatusCode {
                let code = match self { $(Self::$variant => $status),+ };
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

error_types! {
    AccessForbidden = 401 "general_access_forbidden",
    UnauthorizedScope = 401 "general_unauthorized_scope",
    UnknownOrigin = 403 "general_unknown_origin",
    RateLimitExceeded = 429 "general_rate_limit_exceeded",
    ArgumentInvalid = 400 "general_argument_invalid",
    QueryInvalid = 400 "general_query_invalid",
    CursorNotFound = 400 "general_cursor_not_found",
    RouteNotFound = 404 "general_route_not_found",
    MethodNotAllowed = 405 "general_not_implemented",
    ServerError = 500 "general_server_error",
    UserUnauthorized = 401 "user_unauthorized",
    UserJwtInvalid = 401 "user_jwt_invalid",
    UserInvalidCredentials = 401 "user_invalid_credentials",
    UserAlreadyExists = 409 "user_already_exists",
    UserSessionNotFound = 404 "user_session_not_found",
    KeyAndSessionSet = 403 "user_api_key_and_session_set",
    ProjectNotFound = 404 "project_not_found",
    ProjectAlreadyExists = 409 "project_already_exists",
    ProjectKeyExpired = 401 "project_key_expired",
    KeyNotFound = 404 "key_not_found",
    KeyAlreadyExists = 409 "key_already_exists",
    // ours
    RequestTimeout = 408 "request_timeout",
    ContentTooLarge = 413 "content_too_large",
    QueryTooExpensive = 422 "query_too_expensive",
    PastTooFar = 422 "past_too_far",
    CursorInvalid = 400 "cursor_invalid",
    LogDamaged = 500 "log_damaged",
    OffsetNotReached = 503 "offset_not_reached",
    IdempotencyKeyReused = 409 "idempotency_key_reused",
    SetupTokenRequired = 401 "setup_token_required",
    RegistrationClosed = 403 "registration_closed",
    ServerBusy = 503 "server_busy",
    ServerStopping = 503 "server_stopping",
    StorageFull = 503 "storage_full",
    QuotaExceeded = 429 "project_quota_exceeded",
    OutcomeUnknown = 503 "outcome_unknown",
    ThreadNotFound = 404 "thread_not_found",
    ThreadForbidden = 401 "thread_access_forbidden",
    TemplateNotFound = 404 "thread_template_not_found",
    TemplateAlreadyExists = 409 "thread_template_already_exists",
    TemplateLimitExceeded = 409 "thread_template_limit_exceeded",
    TemplateCreatorMissing = 400 "thread_template_creator_missing",
    ThreadAlreadyExists = 409 "thread_already_exists",
    PermissionNotHeld = 401 "permission_not_held",
    ParticipantNotFound = 404 "participant_not_found",
    ParticipantLimitExceeded = 400 "participant_limit_exceeded",
    ItemNotFound = 404 "item_not_found",
    ItemAlreadyExists = 409 "item_already_exists",
    ItemNotOpen = 409 "item_not_open",
    ItemStillOpen = 409 "item_still_open",
    ReactionLimitExceeded = 409 "item_reaction_limit_exceeded",
    PinLimitExceeded = 409 "thread_pin_limit_exceeded",
    ItemParentNotFound = 400 "item_parent_not_found",
    MentionNotFound = 400 "item_mention_not_found",
    MentionLimitExceeded = 400 "item_mention_limit_exceeded",
    ItemAuthorForbidden = 401 "item_author_forbidden",
    ItemLimitExceeded = 409 "open_item_limit_exceeded",
    AppendLimitExceeded = 409 "item_append_limit_exceeded",
    ItemTooLarge = 413 "item_too_large",
    ItemPartInvalid = 400 "item_part_invalid",
    ForkTooDeep = 409 "thread_fork_too_deep",
}

/// An answer that is an error: Appwrite's form, with a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    kind: ErrorType,
    message: String,
    retry_after: Option<Duration>,
    /// For the log, not for the client.
    reason: Option<String>,
}

/// The form on the wire.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    /// A sentence for people: expected, found, what to do.
    pub message: &'a str,
    /// The HTTP status.
    pub code: u16,
    /// The stable name for machines.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The server's version.
    pub version: &'static str,
}

impl<'a> ErrorBody<'a> {
    /// Of what an error says.
    pub(crate) const fn new(message: &'a str, code: u16, kind: &'a str) -> Self {
        Self {
            message,
            code,
            kind,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl ApiError {
    /// An error of a kind, with a sentence.
    pub fn new(kind: ErrorType, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
            reason: None,
        }
    }

    /// A value of the request that does not hold: which one, and why.
    pub fn argument(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(ErrorType::ArgumentInvalid, format!("{name}: {reason}"))
    }

    /// Something that should not happen. The reason goes to the log, not to the client, as soon as
    /// it is answered: by then it is known under which request's name.
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        let message = "the server failed; its log says why under this request's id";
        Self {
            reason: Some(reason.to_string()),
            ..Self::new(ErrorType::ServerError, message)
        }
    }

    /// Adds what the client is not told, for the log.
    #[must_use]
    pub(crate) fn because(self, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..self
        }
    }

    /// Tells the log what the client is not told.
    pub(crate) fn log(&self) {
        if let Some(reason) = &self.reason {
            let request = RequestId::current().map(tracing::field::display);
            tracing::error!(request, reason, "a request failed");
        }
    }

    /// Says when another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ErrorType {
        self.kind
    }

    /// Its form on the wire, which live frames bear too.
    #[must_use]
    pub fn body(&self) -> ErrorBody<'_> {
        let code = self.kind.status().as_u16();
        ErrorBody::new(&self.message, code, self.kind.name())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        metrics::counter!("everlog_http_errors_total", "type" => self.kind.name()).increment(1);
        let mut response = (self.kind.status(), JsonAnswer(self.body())).into_response();
        if let Some(wait) = self.retry_after {
            // whole seconds (RFC 9110, 10.2.3), never 0: that would ask for a busy loop
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        response
    }
}

impl From<ThreadRefusal> for ApiError {
    fn from(refusal: ThreadRefusal) -> Self {
        use ThreadRefusal as R;
        let kind = match &refusal {
            R::NotFound => ErrorType::ThreadNotFound,
            R::Forbidden { .. } => ErrorType::ThreadForbidden,
            R::AlreadyExists => ErrorType::ThreadAlreadyExists,
            R::RoleNotHeld { .. } | R::RightNotHeld { .. } | R::CreatorNotOwn => {
                ErrorType::PermissionNotHeld
            }
            R::TemplateNotFound => ErrorType::TemplateNotFound,
            R::CreatorMissing => ErrorType::TemplateCreatorMissing,
            R::AuthorNotOwn | R::NotTheAuthor => ErrorType::ItemAuthorForbidden,
            R::ItemAlreadyExists => ErrorType::ItemAlreadyExists,
            R::ItemNotFound => ErrorType::ItemNotFound,
            R::MentionNotFound => ErrorType::MentionNotFound,
            R::TooManyMentions { .. } => ErrorType::MentionLimitExceeded,
            R::TooManyReactions => ErrorType::ReactionLimitExceeded,
            R::TooManyPins => ErrorType::PinLimitExceeded,
            R::ForkTooDeep => ErrorType::ForkTooDeep,
            R::PastChanged => ErrorType::ServerBusy,
            R::Nameless => ErrorType::UserUnauthorized,
            R::ItemStillOpen => ErrorType::ItemStillOpen,
            R::ParentNotFound => ErrorType::ItemParentNotFound,
            R::ItemNotOpen => ErrorType::ItemNotOpen,
            R::TooManyOpenItems | R::TooManyOpenItemsOfAuthor => ErrorType::ItemLimitExceeded,
            R::TooManyAppends => ErrorType::AppendLimitExceeded,
            R::ItemTooLarge { .. } => ErrorType::ItemTooLarge,
            R::TooManyParts { .. } | R::NoSuchPart { .. } | R::NoDeltas => {
                ErrorType::ItemPartInvalid
            }
            R::TooManyParticipants => ErrorType::ParticipantLimitExceeded,
            R::ParticipantNotFound => ErrorType::ParticipantNotFound,
            R::Json(_) | R::PermissionsOfTemplate => ErrorType::ArgumentInvalid,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<IdentityRefusal> for ApiError {
    fn from(refusal: IdentityRefusal) -> Self {
        let kind = match refusal {
            IdentityRefusal::UserExists => ErrorType::UserAlreadyExists,
            IdentityRefusal::SessionNotFound => ErrorType::UserSessionNotFound,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<ProjectRefusal> for ApiError {
    fn from(refusal: ProjectRefusal) -> Self {
        let kind = match refusal {
            ProjectRefusal::ProjectExists => ErrorType::ProjectAlreadyExists,
            ProjectRefusal::ProjectNotFound => ErrorType::ProjectNotFound,
            ProjectRefusal::KeyExists => ErrorType::KeyAlreadyExists,
            ProjectRefusal::KeyNotFound => ErrorType::KeyNotFound,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<TemplateRefusal> for ApiError {
    fn from(refusal: TemplateRefusal) -> Self {
        let kind = match refusal {
            TemplateRefusal::Exists => ErrorType::TemplateAlreadyExists,
            TemplateRefusal::NotFound => ErrorType::TemplateNotFound,
            TemplateRefusal::TooMany => ErrorType::TemplateLimitExceeded,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<RowsFailure> for ApiError {
    fn from(failure: RowsFailure) -> Self {
        match failure {
            RowsFailure::CursorNotFound => {
                Self::new(ErrorType::CursorNotFound, failure.to_string())
            }
            RowsFailure::TooExpensive { .. } | RowsFailure::PageTooLarge { .. } => {
                Self::new(ErrorType::QueryTooExpensive, failure.to_string())
            }
            RowsFailure::Damaged { .. } | RowsFailure::Engine { .. } => Self::internal(failure),
        }
    }
}

impl From<ReadFailure> for ApiError {
    fn from(failure: ReadFailure) -> Self {
        Self::internal(failure)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        let soon = Duration::from_secs(1);
        match refused {
            Refused::Thread(refusal) => refusal.into(),
            Refused::Identity(refusal) => refusal.into(),
            Refused::Project(refusal) => refusal.into(),
            Refused::Template(refusal) => refusal.into(),
            Refused::Rows(failure) => failure.into(),
            Refused::WishDiffers => Self::new(ErrorType::IdempotencyKeyReused, message),
            Refused::TooLarge { .. } => Self::new(ErrorType::ContentTooLarge, message),
            Refused::NoSuchProject => Self::new(ErrorType::ProjectNotFound, message),
            Refused::Busy { retry_after } => {
                Self::new(ErrorType::ServerBusy, message).retry_after(retry_after)
            }
            Refused::OverQuota { retry_after, .. } => {
                let error = Self::new(ErrorType::QuotaExceeded, message);
                match retry_after {
                    Some(wait) => error.retry_after(wait),
                    None => error,
                }
            }
            Refused::AccessMoved => Self::new(ErrorType::ServerBusy, message).retry_after(soon),
            Refused::DiskFull => {
                Self::new(ErrorType::StorageFull, message).retry_after(Duration::from_secs(60))
            }
            Refused::Stopped => Self::new(ErrorType::ServerStopping, message).retry_after(soon),
            Refused::Unknown => Self::new(ErrorType::OutcomeUnknown, message).retry_after(soon),
            Refused::Failed { reason } => Self::internal(reason),
        }
    }
}
