//! How a session ends.

use super::outbox::Lost;
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
    /// A message over the bound, in bytes.
    TooLarge { bound: usize },
    /// A message that did not come to its end in time.
    Overdue,
    /// Something that is no frame of the transport.
    Broken,
    /// The server is too busy to serve this socket; the client comes back later.
    Busy,
    /// The server failed.
    Failed,
}

impl Ending {
    /// The close code (RFC 6455, 7.4; from 4000 on our own) and its reason.
    pub(super) const fn close(&self) -> (u16, &'static str) {
        match self {
            Self::Lost => (1000, ""),
            Self::Stopping => (1001, "the server stops"),
            Self::Broken => (1002, "broken frame"),
            Self::Binary => (1003, "binary message"),
            Self::Invalid(_) => (1008, "invalid frame"),
            Self::TooLarge { .. } => (1009, "message too large"),
            Self::Failed => (1011, "the server failed"),
            Self::Busy => (1013, "too busy"),
            Self::Revoked => (4401, "credential revoked"),
            Self::Unauthenticated(_) => (4401, "credential refused"),
            Self::Silent => (4408, "silent"),
            Self::Overdue => (4408, "message not complete in time"),
        }
    }

    /// What is said before the socket closes, if anything.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Lost
            | Self::Stopping
            | Self::Silent
            | Self::Overdue
            | Self::Broken
            | Self::Failed => None,
            Self::Busy => Some(Refusal::busy()),
            Self::Revoked => Some(Refusal::revoked()),
            Self::Invalid(refusal) | Self::Unauthenticated(refusal) => Some(refusal.clone()),
            Self::Binary => Some(Refusal::frame_binary()),
            Self::TooLarge { bound } => Some(Refusal::frame_too_large(*bound)),
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
