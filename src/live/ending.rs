//! How a session ends.

use super::outbox::Lost;
use super::protocol::MAX_MESSAGE_BYTES;
use super::refusal::Refusal;
use crate::error::ApiError;

/// Why a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The other side closed or is gone.
    Lost,
    /// The server stops; the client comes back with its cursors.
    Stopping,
    /// The credential was revoked or has expired.
    Revoked,
    /// The credential in an `authenticate` frame proves nothing.
    Unauthenticated(Refusal),
    /// The other side sent nothing at all for too long, or did not read for much longer.
    Silent,
    /// Not a frame.
    Invalid(Refusal),
    /// A binary message.
    Binary,
    /// A message over the bound.
    TooLarge,
    /// The server failed.
    Failed,
}

impl Ending {
    /// The close code (RFC 6455, 7.4; from 4000 on our own) and its reason.
    pub(super) const fn close(&self) -> (u16, &'static str) {
        match self {
            Self::Lost => (1000, ""),
            Self::Stopping => (1001, "the server stops"),
            Self::Binary => (1003, "binary message"),
            Self::Invalid(_) => (1008, "invalid frame"),
            Self::TooLarge => (1009, "message too large"),
            Self::Failed => (1011, "the server failed"),
            Self::Revoked => (4401, "credential revoked"),
            Self::Unauthenticated(_) => (4401, "credential refused"),
            Self::Silent => (4408, "silent"),
        }
    }

    /// What is said before the socket closes, if anything.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Lost | Self::Stopping | Self::Silent | Self::Failed => None,
            Self::Revoked => Some(Refusal::revoked()),
            Self::Invalid(refusal) | Self::Unauthenticated(refusal) => Some(refusal.clone()),
            Self::Binary => Some(Refusal::frame_binary()),
            Self::TooLarge => Some(Refusal::frame_too_large(MAX_MESSAGE_BYTES)),
        }
    }
}

impl Ending {
    /// A credential that was refused.
    pub(super) fn unauthenticated(error: ApiError) -> Self {
        Self::Unauthenticated(error.into())
    }
}

impl From<Lost> for Ending {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}
