//! Who the caller still is, and what may still go out to it.
//!
//! Two things can be taken from somebody, and each is known by a sign of its own:
//!
//! - *What it was authenticated by* (a session, a key). That moves the project's caller epoch. The
//!   session wakes and authenticates again, whatever it is doing. A caller names the epoch that it
//!   was authenticated under, and nothing is gathered for one that names an older one.
//! - *A thread.* That concerns those who watch this thread, and nobody else. The hub keeps the
//!   newest change of each thread, and a link that shows something of a thread is held against it
//!   right before it is gathered: what holds now decides, not what held when its page was read. So
//!   a page that was read stays good, however many other threads change meanwhile, and however
//!   often this one does.
//!
//! Both signs move before the revocation is answered. Between the look at them and the gathering of
//! a link nothing is waited for: who waits for a slow reader to take what was gathered looks again
//! afterwards. So once a revocation is answered, no more leaves than was gathered before.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use everlog_actors::Refused;
use everlog_actors::live::{Access, Watch};
use everlog_domain::ids::{Offset, ProjectNumber};
use everlog_domain::ports::{Log, RowsView};
use everlog_domain::tables::system::threads;
use futures_util::{Sink, Stream};
use tokio::time::sleep;

use super::{Incoming, Session};
use crate::error::ApiError;
use crate::http::{Credentials, Edge, Identity};
use crate::live::ending::Ending;
use crate::live::life::{Life, cell};
use crate::live::outbox::Outgoing;

/// How often something that is busy is tried.
const TRIES: u32 = 200;
/// How long to wait between two tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Why it is not known who somebody is.
pub(crate) enum Unidentified {
    /// The credentials prove nothing.
    Refused(ApiError),
    /// The server is too busy to tell.
    Busy,
}

/// Whether something of a thread may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Showing {
    May,
    MayNot,
    /// The hub does not know it any more: a new view of the rows does.
    Unknown,
}

impl<I, O> Session<I, O>
where
    I: Stream<Item = Incoming> + Unpin,
    O: Sink<Outgoing> + Unpin,
{
    /// A caller of the project was revoked: authenticates again, unless a delivery did so already.
    pub(super) async fn look_again(&mut self) -> Result<(), Ending> {
        // First the mark, then the look: a change in between marks again.
        let _ = self.callers.take();
        self.authenticated_under(self.epoch()).await
    }

    /// Makes sure that the caller was authenticated under a caller epoch, or a later one.
    pub(super) async fn authenticated_under(&mut self, epoch: Offset) -> Result<(), Ending> {
        for _ in 0..TRIES {
            if self.caller.access_epoch >= epoch {
                return Ok(());
            }
            self.authenticate_again().await?;
            if self.caller.access_epoch < epoch {
                // The rows are an instant ahead of the epoch that authentication goes by.
                sleep(Duration::from_millis(1)).await;
            }
        }
        Err(Ending::Busy)
    }

    /// The project's caller epoch, as events that are visible have moved it.
    pub(super) fn epoch(&self) -> Offset {
        self.edge.node.caller_epoch(self.caller.project)
    }

    /// Whether the caller is still what it was authenticated as.
    pub(super) fn is_authenticated(&self) -> bool {
        self.caller.access_epoch >= self.epoch()
    }

    /// Whether something of a life of a thread may be shown that was authorised by what held after
    /// an offset.
    pub(super) fn showing(&self, watch: &Watch, life: &Life, authorised: Offset) -> Showing {
        match watch.access_after(&life.stream.id, life.incarnation, authorised) {
            Access::Unchanged => Showing::May,
            Access::Changed(Some(row)) if self.caller.may_read(cell(&row, threads::READERS)) => {
                Showing::May
            }
            Access::Changed(_) => Showing::MayNot,
            Access::Unknown => Showing::Unknown,
        }
    }

    /// Finds out who the caller is by now. Anybody else than before is nobody.
    pub(super) async fn authenticate_again(&mut self) -> Result<(), Ending> {
        let identity = match identify(&self.edge, &self.peer.credentials).await {
            Ok(identity) => identity,
            Err(Unidentified::Refused(_)) => return Err(Ending::Revoked),
            // It is not known who it is, so nothing may be written.
            Err(Unidentified::Busy) => return Err(Ending::Busy),
        };
        if identity.caller.principal != self.caller.principal {
            return Err(Ending::Revoked);
        }
        let former = std::mem::replace(&mut self.caller, Arc::new(identity.caller.clone()));
        self.peer.identity = identity;
        if former.roles != self.caller.roles {
            self.subscriptions
                .each()
                .for_each(|subscription| subscription.authorise_anew());
        }
        Ok(())
    }
}

/// Finds out who somebody is. Only who is refused in earnest is told so: a server that cannot tell
/// tries for a while.
pub(crate) async fn identify(
    edge: &Edge,
    credentials: &Credentials,
) -> Result<Arc<Identity>, Unidentified> {
    for _ in 0..TRIES {
        let now = crate::clock::now();
        match edge.identities.identify(&edge.node, credentials, now).await {
            Ok(identity) => return Ok(identity),
            Err(error) if is_refusal(&error) => return Err(Unidentified::Refused(error)),
            Err(_) => sleep(BETWEEN_TRIES).await,
        }
    }
    Err(Unidentified::Busy)
}

/// Reads in the turn of a project, and tries again while the readers are busy.
pub(super) async fn read<T: Send + 'static>(
    edge: &Edge,
    project: ProjectNumber,
    read: impl Fn(&dyn RowsView, &dyn Log) -> T + Clone + Send + 'static,
) -> Result<T, Ending> {
    for _ in 0..TRIES {
        match edge.node.reads().run(project, read.clone()).await {
            Ok(value) => return Ok(value),
            Err(Refused::Busy { .. }) => sleep(BETWEEN_TRIES).await,
            Err(Refused::Stopped) => return Err(Ending::Stopping),
            Err(refused) => {
                tracing::error!(%refused, "a live session could not read");
                return Err(Ending::Failed);
            }
        }
    }
    Err(Ending::Busy)
}

fn is_refusal(error: &ApiError) -> bool {
    let status = error.kind().status();
    status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS
}
