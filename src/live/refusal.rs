//! Errors in frames. Those that HTTP knows bear its types.

use crate::error::{ApiError, ErrorType};

/// Why a frame, or a whole socket, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn new(code: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
        }
    }

    pub(super) fn frame_invalid(reason: &impl std::fmt::Display) -> Self {
        Self::new(400, "live_frame_invalid", reason.to_string())
    }

    pub(super) fn frame_binary() -> Self {
        Self::new(
            400,
            "live_frame_binary",
            "expected text messages, found a binary one",
        )
    }

    pub(super) fn frame_too_large(limit: usize) -> Self {
        Self::new(
            413,
            "live_frame_too_large",
            format!("expected messages of at most {limit} bytes"),
        )
    }

    pub(super) fn resource_unknown() -> Self {
        let message = "expected threads, threads/{threadId}, threads/{threadId}/items or items";
        Self::new(404, "live_resource_unknown", message)
    }

    pub(super) fn signals_of_threads() -> Self {
        let message = "signals go with threads/{threadId} and threads/{threadId}/items";
        Self::new(400, "live_signals_not_here", message)
    }

    pub(super) fn subscription_exists() -> Self {
        let message = "a subscription of this socket has this id: choose another, or unsubscribe";
        Self::new(409, "live_subscription_exists", message)
    }

    pub(super) fn subscription_not_found() -> Self {
        Self::new(
            404,
            "live_subscription_not_found",
            "no subscription of this socket has this id",
        )
    }

    pub(super) fn too_many_subscriptions(limit: usize) -> Self {
        let message = format!("a socket has at most {limit} subscriptions: open another one");
        Self::new(429, "live_too_many_subscriptions", message)
    }

    pub(super) fn cursor_invalid() -> Self {
        let message = "from: expected \"start\" or a cursor of this project";
        Self::new(400, "live_cursor_invalid", message)
    }

    pub(super) fn cursor_ahead() -> Self {
        let message = "from lies beyond the log, which was restored from an older copy: begin with a snapshot";
        Self::new(409, "live_cursor_ahead", message)
    }

    pub(super) fn already_authenticated() -> Self {
        let message = "authenticate comes before the first subscribe or call, on a socket without a credential";
        Self::new(409, "live_already_authenticated", message)
    }

    pub(super) fn call_invalid(message: impl Into<String>) -> Self {
        Self::new(400, "live_call_invalid", message)
    }

    pub(super) fn busy() -> Self {
        ApiError::new(
            ErrorType::ServerBusy,
            "the server is too busy: come back later",
        )
        .into()
    }

    pub(super) fn revoked() -> Self {
        let message = "the credential of this socket was revoked or has expired";
        Self::new(401, "user_unauthorized", message)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        error.log();
        let kind = error.kind();
        Self::new(kind.status().as_u16(), kind.name(), error.body().message)
    }
}
