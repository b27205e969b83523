//! Whether whoever reads a stream still may, for as long as the answer lasts: by the sign that live
//! sockets go by, the project's caller epoch.

use std::sync::Arc;
use std::time::Duration;

use everlog_actors::live::{CallersWatch, Waker};
use tokio::time::sleep;

use crate::error::{ApiError, ErrorType};
use crate::http::{Edge, Visitor};
use crate::live::{Unidentified, identify};

/// How often somebody is authenticated while the rows are an instant behind the epoch.
const TRIES: u32 = 200;

/// A reader and its right.
pub(crate) struct Standing {
    edge: Arc<Edge>,
    scope: &'static str,
    visitor: Visitor,
    callers: Waker,
    _watch: CallersWatch,
}

impl Standing {
    /// Of somebody who was authenticated and has the scope.
    pub(crate) fn new(edge: &Arc<Edge>, visitor: Visitor, scope: &'static str) -> Self {
        let callers = Waker::new();
        let project = visitor.caller().project;
        Self {
            edge: Arc::clone(edge),
            scope,
            _watch: edge.node.hub().watch_callers(project, &callers),
            visitor,
            callers,
        }
    }

    /// Who reads, as they were looked at last.
    pub(crate) const fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// Whether nobody lost anything since it was looked at. Nothing may be waited for between this
    /// and what goes out.
    pub(crate) fn holds(&self) -> bool {
        let caller = self.visitor.caller();
        caller.access_epoch >= self.edge.node.caller_epoch(caller.project)
    }

    /// Waits until a caller of the project loses something, this one or another.
    pub(super) async fn moved(&self) {
        self.callers.woken().await;
    }

    /// Looks at it again: after a revocation, and from time to time, since a credential that ends
    /// by itself moves nothing.
    pub(crate) async fn look_again(&mut self) -> Result<(), ApiError> {
        // first the mark, then the look: a change in between marks again
        let _ = self.callers.take();
        for _ in 0..TRIES {
            let identity = match identify(&self.edge, &self.visitor.credentials).await {
                Ok(identity) => identity,
                Err(Unidentified::Refused(_)) => return Err(revoked()),
                Err(Unidentified::Busy) => return Err(busy()),
            };
            if identity.caller.principal != self.visitor.caller().principal {
                return Err(revoked());
            }
            self.visitor.identity = identity;
            self.visitor.require(self.scope)?;
            if self.holds() {
                return Ok(());
            }
            sleep(Duration::from_millis(1)).await;
        }
        Err(busy())
    }
}

fn revoked() -> ApiError {
    let message = "the credential of this stream was revoked or has expired";
    ApiError::new(ErrorType::UserUnauthorized, message)
}

/// Too much is under way to go on.
pub(crate) fn busy() -> ApiError {
    let message = "the server is too busy: come back later";
    ApiError::new(ErrorType::ServerBusy, message).retry_after(Duration::from_secs(1))
}
